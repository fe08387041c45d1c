"""Rows of the insight graph, read and written inside a unit of work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal
from uuid import UUID

import orjson
from pydantic import JsonValue, TypeAdapter

from core.database import UnitOfWork, queries
from core.ids import AgentId, RecordId, TaskId
from memory.insight_graph.model import Episode, Insight, Outcome
from memory.insight_graph.procedure import supported, weighed

SQL = queries.load(__file__)

MAX_FOUNDING = 64
"""Episodes that found an insight together; it takes more than one only where several were learned at once."""

VersionOp = Literal["found", "add", "edit", "merge"]

_EPISODES = TypeAdapter(list[Episode])

_COUNTED = {"alpha", "beta", "utility"}
"""What no row of ours sets: counts that Postgres keeps."""


async def add_episode(work: UnitOfWork, episode: Episode) -> bool:
    """Whether the episode is new; a task has one at most."""
    row = {"tenant": work.tenant, "row": episode.model_dump_json()}
    return await work.execute(SQL.insert_episode, row) == 1


async def was_forgotten(work: UnitOfWork, record: UUID) -> bool:
    """What was forgotten is not written again."""
    return await work.fetch_one(SQL.was_forgotten, {"record": record}) is not None


async def episode_of_task(work: UnitOfWork, task: TaskId) -> Episode | None:
    row = await work.fetch_one(SQL.episode_of_task, {"task": task})
    return None if row is None else Episode.model_validate(row)


async def episodes(work: UnitOfWork, ids: Sequence[RecordId]) -> list[Episode]:
    """Those of the episodes that there are, in any state and order."""
    return _EPISODES.validate_python(await work.fetch_all(SQL.episodes, {"ids": list(ids)}))


async def doing_the_same(
    work: UnitOfWork, cluster: UUID, procedure: Sequence[str], outcome: Outcome
) -> list[Episode]:
    wanted = {"cluster": cluster, "procedure": list(procedure), "outcome": outcome, "most": MAX_FOUNDING}
    return _EPISODES.validate_python(await work.fetch_all(SQL.doing_the_same, wanted))


async def add_edges(work: UnitOfWork, src: RecordId, weights: Mapping[RecordId, float]) -> None:
    if weights:
        await work.execute(
            SQL.insert_edges,
            {
                "tenant": work.tenant,
                "src": src,
                "ids": list(weights),
                "weights": list(weights.values()),
            },
        )


async def similar_to(work: UnitOfWork, src: RecordId) -> tuple[RecordId, ...]:
    """The episodes an episode was linked to, most alike first."""
    return tuple(RecordId(row["dst"]) for row in await work.fetch_all(SQL.edges_of, {"src": src}))


async def insights_of(work: UnitOfWork, episode: RecordId) -> tuple[RecordId, ...]:
    """The insights an episode supports or contradicts."""
    rows = await work.fetch_all(SQL.insights_of_episode, {"episode": episode})
    return tuple(RecordId(row["insight_id"]) for row in rows)


async def insight(work: UnitOfWork, wanted: RecordId) -> Insight | None:
    """Without its origins."""
    row = await work.fetch_one(SQL.insight, {"insight": wanted})
    return None if row is None else Insight.model_validate(row)


async def advice_that_says(work: UnitOfWork, cluster: UUID, text: str) -> Insight | None:
    row = await work.fetch_one(SQL.insight_by_text, {"cluster": cluster, "text": text})
    return None if row is None else Insight.model_validate(row)


async def add_insight(
    work: UnitOfWork,
    added: Insight,
    op: VersionOp,
    *,
    supersedes: Sequence[RecordId] = (),
    episodes: Sequence[RecordId] = (),
    model: str | None = None,
) -> None:
    """Write an insight and the version it begins with; one that is there stays as it is."""
    row = added.model_dump_json(exclude=_COUNTED)
    await work.execute(SQL.insert_insight, {"tenant": work.tenant, "row": row})
    await work.execute(
        SQL.insert_version,
        {
            "tenant": work.tenant,
            "insight": added.id,
            "version": added.version,
            "op": op,
            "text": added.text,
            "supersedes": list(supersedes),
            "episodes": list(episodes),
            "model": model,
        },
    )


async def weigh(
    work: UnitOfWork,
    weighing: Insight,
    evidence: Sequence[Episode],
    *,
    polarity: int,
    carried: bool = False,
) -> Insight:
    """Count episodes for (1) or against (-1) an insight, once each, and write what follows."""
    key = {"tenant": work.tenant, "insight": weighing.id}
    rows = await work.fetch_all(
        SQL.insert_supports,
        {**key, "episodes": [episode.id for episode in evidence], "polarity": polarity},
    )
    new = {row["episode_id"] for row in rows}
    if polarity > 0:
        counted = [episode for episode in evidence if episode.id in new]
        weighing = supported(weighing, counted, carried=carried)
        weighing = weighed(weighing, supports=len(new))
    else:
        weighing = weighed(weighing, contradictions=len(new))
    await work.execute(SQL.update_insight, {**key, "row": weighing.model_dump_json(exclude=_COUNTED)})
    return weighing


async def add_exposures(
    work: UnitOfWork, task: TaskId, agent: AgentId, rows: Sequence[Mapping[str, JsonValue]]
) -> bool:
    """Write what an agent was shown and what was kept from it, once for each; whether any was new."""
    added = await work.execute(
        SQL.insert_exposures,
        {"tenant": work.tenant, "task": task, "agent": agent, "rows": orjson.dumps(rows).decode()},
    )
    return added > 0
