"""What a model makes of finished tasks: asked once, within its grant, and told in the trace."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg import AsyncConnection

from bench.support.engine import Harness, Script
from bench.support.scripts import says, team
from core.blocks import read_blocks
from core.errors import ModelUnavailable, StorageError
from core.ids import AgentId, TaskId
from inference.model import ModelReply, ModelRequest
from orchestrator.topics import ADVANCE
from tests.integration.orchestrator.conftest import Opener

GOAL = "Total the invoices of last year"
ADVICE = "Begin with the totals."


@pytest.fixture
def broker_url() -> str:
    """One is enough: nothing here hangs on it."""
    return "memory://"


def teaching(refined: object = None) -> Script:
    """A team that also condenses and refines."""

    def script(request: ModelRequest) -> ModelReply:
        blocks = read_blocks(request.messages[1].content)
        match request.kind:
            case "condense":
                moments: Any = blocks["moments"]
                return says({"key_steps": [moments[0]["ref"]], "fail_reason": ""})
            case "refine":
                shown: Any = blocks["episodes"]
                add = {"op": "add", "text": ADVICE, "episodes": [one["ref"] for one in shown]}
                return says(refined or {"operations": [add]})
            case _:
                return team(1)(request)

    return script


async def finished(opened: Harness) -> TaskId:
    """A task that is over, and that memory has not looked at."""
    task = await opened.submit(GOAL)
    while messages := await opened.collect():
        for topic, tenant, subject in messages:
            if topic == ADVANCE:
                await opened.room.engine.advance(tenant, AgentId(subject))
    return task


async def learn(opened: Harness, task: UUID) -> None:
    await opened.room.learning.learn(opened.principal.tenant, TaskId(task))


async def told(admin: AsyncConnection, task: UUID) -> dict[str, Mapping[str, Any]]:
    cursor = await admin.execute(
        "SELECT kind, data FROM event WHERE task_id = %s AND kind LIKE 'memory.%%'", [task]
    )
    return dict(await cursor.fetchall())


async def test_a_task_is_condensed_and_its_kind_of_work_refined(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, provider = await open_harness(teaching(), memory_learning_tokens=8_000)
    first, second = await finished(opened), await finished(opened)
    await learn(opened, first)
    assert [request.kind for request in provider.requests].count("refine") == 0, "one is no pattern"
    await learn(opened, second)
    events = await told(admin, second)
    assert set(events) == {"memory.learned", "memory.condensed", "memory.refined"}
    assert events["memory.condensed"]["key_steps"] == ["part 0 (done)"]
    assert (events["memory.refined"]["episodes"], len(events["memory.refined"]["added"])) == (2, 1)
    assert events["memory.refined"]["prompt_tokens"] > 0
    cursor = await admin.execute("SELECT text, state, supports FROM insight WHERE kind = 'advice'")
    assert await cursor.fetchall() == [(ADVICE, "candidate", 2)]
    asked = len(provider.requests)
    await learn(opened, second)
    assert len(provider.requests) == asked, "once is enough"


@pytest.mark.parametrize(
    ("kind", "lost"), [("condense", "condense"), ("refine", "refine"), ("refine", "applied")]
)
async def test_a_crash_repeats_no_call_that_was_answered(
    open_harness: Opener,
    admin: AsyncConnection,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    lost: str,
) -> None:
    opened, provider = await open_harness(teaching(), memory_learning_tokens=8_000)
    first, second = await finished(opened), await finished(opened)
    await learn(opened, first)
    dies = StorageError("killed")

    async def die(*_: object, **__: object) -> None:
        raise dies

    where = opened.platform.memory.refining
    with monkeypatch.context() as broken:
        if lost == "applied":
            broken.setattr(opened.room.learning, "_close", die)
        else:
            broken.setattr(where, lost, die)
        with pytest.raises(StorageError):
            await learn(opened, second)
    asked = [request.kind for request in provider.requests].count(kind)
    await learn(opened, second)
    assert [request.kind for request in provider.requests].count(kind) == asked
    events = await told(admin, second)
    assert set(events) == {"memory.learned", "memory.condensed", "memory.refined"}
    cursor = await admin.execute("SELECT count(*) FROM insight WHERE kind = 'advice'")
    assert await cursor.fetchone() == (1,)


async def test_a_reply_that_is_not_the_structure_changes_nothing(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    forged = {"operations": [{"op": "retire_everything"}]}
    opened, _ = await open_harness(teaching(forged), memory_learning_tokens=8_000)
    for task in (await finished(opened), await finished(opened)):
        await learn(opened, task)
    assert (await told(admin, task))["memory.refined"]["error"] == "model_output_invalid"
    cursor = await admin.execute("SELECT kind FROM insight")
    assert await cursor.fetchall() == []
    cursor = await admin.execute("SELECT count(*) FROM episode_cluster WHERE refining_for IS NOT NULL")
    assert await cursor.fetchone() == (0,), "the cluster was given back"


async def test_a_model_that_is_away_leaves_what_was_recorded(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    def away(request: ModelRequest) -> ModelReply:
        if request.kind == "condense":
            raise ModelUnavailable("nobody there", retryable=False)
        return team(1)(request)

    opened, _ = await open_harness(away, memory_learning_tokens=8_000)
    task = await finished(opened)
    await learn(opened, task)
    events = await told(admin, task)
    assert events["memory.condensed"]["error"] == "model_unavailable"
    assert events["memory.learned"]["state"] == "active"


@pytest.mark.parametrize(("tokens", "asked", "error"), [(0, 0, None), (50, 0, "budget_exhausted")])
async def test_learning_keeps_to_what_it_may_use(
    open_harness: Opener, admin: AsyncConnection, tokens: int, asked: int, error: str | None
) -> None:
    opened, provider = await open_harness(teaching(), memory_learning_tokens=tokens)
    task = await finished(opened)
    await learn(opened, task)
    assert [request.kind for request in provider.requests].count("condense") == asked
    assert (await told(admin, task)).get("memory.condensed", {}).get("error") == error


async def test_what_was_said_because_of_what_is_kept(open_harness: Opener, admin: AsyncConnection) -> None:
    opened, _ = await open_harness(team(2))
    task = await finished(opened)
    await learn(opened, task)
    cursor = await admin.execute("SELECT kind FROM utterance ORDER BY seq")
    kinds = [row[0] for row in await cursor.fetchall()]
    assert kinds == ["goal", "plan", "brief", "brief", "return", "return", "answer"]
    cursor = await admin.execute("SELECT src, dst FROM utterance_edge ORDER BY dst, src")
    assert await cursor.fetchall() == [(0, 1), (1, 2), (1, 3), (3, 4), (2, 5), (1, 6), (4, 6), (5, 6)]


async def test_a_close_call_is_settled_by_the_model_once(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    def script(request: ModelRequest) -> ModelReply:
        if request.kind == "rerank":
            records: Any = read_blocks(request.messages[-1].content)["records"]
            last = records[-1]["ref"]
            scores = [{"ref": one["ref"], "score": 10 if one["ref"] == last else 0} for one in records]
            return says({"scores": scores})
        return team(1)(request)

    opened, provider = await open_harness(script, memory_rerank=True)
    tasks: list[TaskId] = []
    for _ in range(6):
        opened.principal = replace(opened.principal, key=uuid4())
        tasks.append(await finished(opened))
    for task in tasks:
        await learn(opened, task)
    await opened.run(GOAL)
    asked = [request for request in provider.requests if request.kind == "rerank"]
    assert len(asked) == 1, "six tasks by six people are as near as each other"
    cursor = await admin.execute(
        "SELECT data #>> '{records,0,id}' FROM event WHERE kind = 'recall.used' ORDER BY at DESC LIMIT 1"
    )
    first = await cursor.fetchone()
    cursor = await admin.execute(
        "SELECT record_id::text FROM exposure WHERE position = 0 ORDER BY at DESC LIMIT 1"
    )
    assert await cursor.fetchone() == first
