"""Credit: what became of the tasks that were shown a memory, and what follows for the memory."""

from __future__ import annotations

from collections.abc import Collection
from typing import cast

from core.database import Row, UnitOfWork, queries
from core.errors import InvalidInput, NotFound
from core.ids import RecordId, TaskId
from core.text import clipped
from memory.guard.patterns import without_secrets
from memory.index.outbox import mark_changed
from memory.insight_graph.lift import Counts, Lift, lift_of, retired_for
from memory.insight_graph.reward import ENDED_WELL, quantised

SQL = queries.load(__file__, "credit.sql")

CITED, UNCITED = 1.0, 0.5
"""What a task's reward weighs for a record it made use of, and for one that only stood in the prompt."""

RATE = 0.05
"""How fast utility follows rewards at least: until then each is one of so many, afterwards old ones fade."""

MAX_TOGETHER = 4
"""Insights of one task that are joined with each other, and episodes it shares an insight with."""

NOTE_CHARACTERS = 2_000


async def hold(work: UnitOfWork) -> None:
    """Let no other transaction change counts of this tenant's memory until this one ends."""
    await work.fetch_one(SQL.hold, {"tenant": work.tenant})


async def credit(
    work: UnitOfWork,
    task: TaskId,
    episode: RecordId,
    *,
    reward: float | None,
    cited: Collection[RecordId] = (),
    found: Collection[RecordId] = (),
) -> tuple[RecordId, ...]:
    """Credit what a task was shown with how it ended, or again by the difference. Hold the memory first.

    Args:
        work: the caller's unit of work.
        task: whose exposures are credited.
        episode: what memory made of it.
        reward: what the platform or an evaluator makes of its end; what people said counts instead.
        cited: the records it made use of.
        found: insights that it found or spoke for or against.

    Returns:
        The insights that are retired by this.
    """
    verdict = await work.fetch_one(SQL.verdict, {"task": task})
    if verdict is not None and verdict["score"] is not None:
        reward = quantised(float(verdict["score"]))
    if cited:
        await work.execute(SQL.cite, {"task": task, "records": list(cited)})
    if reward is None:
        return ()
    await work.execute(SQL.set_reward, {"episode": episode, "reward": reward})
    weights: Row = {"cited": CITED, "uncited": UNCITED, "well": ENDED_WELL, "rate": RATE}
    rows = await work.fetch_all(SQL.credit, {"task": task, "reward": reward, **weights})
    ended_well = reward >= ENDED_WELL
    if not ended_well:
        await work.execute(SQL.disconnect, {"episode": episode})
    await work.execute(
        SQL.connect,
        {
            "tenant": work.tenant,
            "task": task,
            "episode": episode,
            "well": ended_well,
            "found": list(found),
            "most": MAX_TOGETHER,
        },
    )
    return await _retire(work, rows)


async def _retire(work: UnitOfWork, rows: list[Row]) -> tuple[RecordId, ...]:
    retired: list[RecordId] = []
    for row in rows:
        insight, state = RecordId(row.pop("id")), row.pop("state")
        why = retired_for(Counts.model_validate(row)) if state in {"candidate", "active"} else None
        if why is not None:
            await work.execute(SQL.retire, {"insight": insight, "why": why})
            retired.append(insight)
    await mark_changed(work, "insight", retired)
    return tuple(retired)


async def feedback(
    work: UnitOfWork, task: TaskId, score: float, key: object, *, note: str | None = None
) -> tuple[RecordId, ...]:
    """Take down what the holder of a key makes of a task's result, and credit what the task was shown.

    It counts in place of what the platform made of the task; where several keys have a say, their mean does.
    The same key's next word replaces its last. A task that is not learned yet is credited when it is.

    Args:
        work: the caller's unit of work.
        task: which must have ended.
        score: 0 (worthless) to 1 (just right).
        key: the id of the API key that says so.
        note: why, for people; memory makes nothing of it.

    Returns:
        The insights that are retired by this.

    Raises:
        InvalidInput: the score is not between 0 and 1.
    """
    if not 0 <= score <= 1:
        raise InvalidInput("a score lies between 0 (worthless) and 1 (just right)")
    await hold(work)
    said = None if note is None else clipped(without_secrets(note)[0], NOTE_CHARACTERS)
    await work.execute(
        SQL.judge, {"tenant": work.tenant, "task": task, "key": key, "score": score, "note": said}
    )
    row = await work.fetch_one(SQL.learned_episode, {"task": task})
    if row is None:
        return ()
    return await credit(work, task, RecordId(row["id"]), reward=None)


async def lift(work: UnitOfWork, insight: RecordId) -> Lift:
    """How much better tasks end that are shown an insight than those it is held out of.

    Raises:
        NotFound: the tenant has no such insight.
    """
    row = await work.fetch_one(SQL.counts, {"insight": insight})
    if row is None:
        raise NotFound("there is no such insight")
    return lift_of(Counts.model_validate(cast(dict[str, int], row)))
