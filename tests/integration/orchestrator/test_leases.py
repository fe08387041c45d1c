"""Leases while other transactions hold the rows, and agents that are given back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from psycopg import AsyncConnection
from psycopg.errors import LockNotAvailable

from agents.brief import ChildSpec
from bench.support.engine import Harness
from bench.support.scripts import team
from core.errors import AgentFailed
from core.grant import Budget, Capabilities
from core.ids import AgentId, TenantId
from core.signals import LeaseLost
from inference.model import Message, ModelRequest
from orchestrator.engine.closing import Closing, Outcome
from orchestrator.engine.engine import Claimed
from orchestrator.turns.journal import Entry, Journal
from orchestrator.turns.lease import fenced
from tests.integration.orchestrator.conftest import Opener

ENDS_SOON = "UPDATE agent SET lease_until = now() + interval '4 seconds' WHERE state = 'running'"


async def claimed_workers(opened: Harness) -> list[Claimed]:
    """The claimed turns of the workers of a new task."""
    await opened.submit("hold on")
    await opened.step()
    found = [
        await opened.room.engine.claim(tenant, AgentId(agent)) for _, tenant, agent in await opened.collect()
    ]
    return [claimed for claimed in found if claimed is not None]


async def forever() -> None:
    await asyncio.Event().wait()


async def seconds_left(admin: AsyncConnection) -> dict[Any, float]:
    cursor = await admin.execute(
        "SELECT id, extract(epoch FROM lease_until - now())::float8 FROM agent WHERE state = 'running'"
    )
    return {row[0]: row[1] for row in await cursor.fetchall()}


async def test_a_locked_agent_delays_no_other_lease_and_is_not_lost(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, _ = await open_harness(team(3), lease_seconds=60.0)
    leases = [claimed.lease for claimed in await claimed_workers(opened)]
    turns = [asyncio.create_task(forever()) for _ in leases]
    await admin.execute(ENDS_SOON)
    async with opened.room.leases.holding(leases[0], turns[0]):
        async with opened.room.leases.holding(leases[1], turns[1]), admin.transaction():
            await admin.execute("SELECT FROM agent WHERE id = %s FOR UPDATE", [leases[0].agent])
            await opened.room.leases.round()
        left = await seconds_left(admin)
        assert left[leases[0].agent] < 5
        assert left[leases[1].agent] > 50
        await opened.room.leases.round()
    assert (await seconds_left(admin))[leases[0].agent] > 50
    assert not any(turn.cancelling() for turn in turns)
    for turn in turns:
        turn.cancel()


async def test_a_lost_lease_ends_its_turn(open_harness: Opener, admin: AsyncConnection) -> None:
    opened, _ = await open_harness(team(2))
    leases = [claimed.lease for claimed in await claimed_workers(opened)]
    turns = [asyncio.create_task(forever()) for _ in leases]
    await admin.execute("UPDATE agent SET fence = fence + 1 WHERE id = %s", [leases[0].agent])
    async with (
        opened.room.leases.holding(leases[0], turns[0]),
        opened.room.leases.holding(leases[1], turns[1]),
    ):
        await opened.room.leases.round()
    assert [bool(turn.cancelling()) for turn in turns] == [True, False]
    turns[1].cancel()


async def test_an_advance_cancelled_while_it_claims_leaves_no_lease_behind(
    open_harness: Opener, admin: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, _ = await open_harness(team(1), lease_seconds=300.0)
    task = await opened.submit("leave nothing")
    ((_, tenant, agent),) = await opened.collect()
    claim = opened.room.engine.claim
    committed, told = asyncio.Event(), asyncio.Event()

    async def slow(tenant: TenantId, agent: AgentId) -> Claimed | None:
        claimed = await claim(tenant, agent)
        committed.set()
        await told.wait()
        return claimed

    monkeypatch.setattr(opened.room.engine, "claim", slow)
    advancing = asyncio.create_task(opened.room.engine.advance(tenant, AgentId(agent)))
    await committed.wait()
    advancing.cancel()
    told.set()
    with pytest.raises(asyncio.CancelledError):
        await advancing
    monkeypatch.undo()
    assert await seconds_left(admin) == {}
    await opened.drive()
    assert (await opened.view(task)).status == "done"


async def test_an_agent_is_given_up_only_as_it_was_found(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, _ = await open_harness(team(1))
    task = await opened.submit("spared")
    ((_, tenant, agent),) = await opened.collect()
    closing = Closing(opened.platform.database, opened.platform.task_tree)
    failed = Outcome.failed(AgentFailed("too late"))
    await closing.give_up(tenant, task, AgentId(agent), 99, failed)
    await opened.room.engine.advance(tenant, AgentId(agent))
    await opened.drive()
    assert (await opened.view(task)).status == "done"


async def test_turns_that_end_well_forget_the_lost_ones(open_harness: Opener, admin: AsyncConnection) -> None:
    opened, _ = await open_harness(team(1))
    await opened.submit("recovers")
    await admin.execute("UPDATE agent SET lost_turns = 2")
    await opened.step()
    cursor = await admin.execute("SELECT state, lost_turns FROM agent WHERE parent_id IS NULL")
    assert await cursor.fetchone() == ("waiting", 0)


async def test_a_queue_that_is_only_long_is_not_published_over_and_over(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, _ = await open_harness(team(1), republish_seconds=5.0)
    await opened.submit("patience")
    assert len(await opened.collect()) == 1
    published: list[int] = []
    for seconds in (6, 6, 11, 11, 21):
        await admin.execute("UPDATE agent SET published_at = now() - make_interval(secs => %s)", [seconds])
        await opened.room.reaper().round()
        published.append(len(await opened.collect()))
    assert published == [1, 0, 1, 0, 1]


async def reclaimed(open_harness: Opener, admin: AsyncConnection) -> tuple[Harness, Claimed, Claimed]:
    """An agent that another worker runs now: the first worker, its claim, and the other's."""
    first, _ = await open_harness(team(2))
    await first.submit("stop and go")
    ((_, tenant, agent),) = await first.collect()
    old = await first.room.engine.claim(tenant, AgentId(agent))
    await admin.execute("UPDATE agent SET lease_until = now() - interval '1 second' WHERE state = 'running'")
    second, _ = await open_harness(team(2), owner="worker-2")
    await second.room.reaper().round()
    new = await second.room.engine.claim(tenant, AgentId(agent))
    assert old is not None
    assert new is not None
    return first, old, new


CHECKPOINT: dict[str, Any] = {
    "namespace": "",
    "checkpoint_id": "stale",
    "parent_checkpoint_id": None,
    "kind": "msgpack",
    "content": b"",
    "metadata": "{}",
    "writes": None,
}
STEP = Entry(position=0, kind="step", name="stale", effect="pure", request={})


async def test_a_worker_that_lost_its_lease_writes_nothing_while_another_runs(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    first, old, new = await reclaimed(open_harness, admin)
    stale, valid = (Journal(first.platform.database, claimed.lease) for claimed in (old, new))
    with pytest.raises(LeaseLost):
        await stale.begin(STEP)
    assert await valid.begin(STEP) is None
    event = stale.event("gate.refused")
    await stale.conclude(STEP, state="done", outcome="stale", used={}, events=[event])
    with pytest.raises(LeaseLost):
        await stale.begin(replace(STEP, position=1), event)
    await stale.conclude(STEP, state="done", outcome="stale", used={}, events=[event])
    with pytest.raises(LeaseLost):
        await stale.flush()
    with pytest.raises(LeaseLost):
        await stale.hold_more(STEP, {"tokens": 1}, event)
    closing = Closing(first.platform.database, first.platform.task_tree)
    for outcome in (Outcome.waiting("children"), Outcome.done()):
        with pytest.raises(LeaseLost):
            await closing.close(old.lease, old.turn, outcome, CHECKPOINT)
    await closing.hand_back(old.lease)
    cursor = await admin.execute(
        "SELECT a.state, a.fence, c.state, (SELECT count(*) FROM checkpoint) FROM agent AS a "
        "JOIN call AS c ON c.agent_id = a.id"
    )
    assert await cursor.fetchall() == [("running", new.lease.fence, "intent", 0)]
    cursor = await admin.execute("SELECT count(*) FROM event WHERE kind = 'gate.refused'")
    assert await cursor.fetchone() == (0,)


async def test_a_worker_whose_lease_ran_out_writes_nothing_though_nobody_took_the_agent(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, _ = await open_harness(team(2))
    [claimed, _] = await claimed_workers(opened)
    await admin.execute("UPDATE agent SET lease_until = now() WHERE state = 'running'")
    with pytest.raises(LeaseLost):
        await Journal(opened.platform.database, claimed.lease).begin(STEP)
    closing = Closing(opened.platform.database, opened.platform.task_tree)
    with pytest.raises(LeaseLost):
        await closing.close(claimed.lease, claimed.turn, Outcome.waiting("children"), CHECKPOINT)


async def test_a_write_in_progress_keeps_the_reaper_waiting(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, _ = await open_harness(team(2))
    [claimed, _] = await claimed_workers(opened)
    async with fenced(opened.platform.database, claimed.lease):
        await admin.execute("SET lock_timeout = '50ms'")
        with pytest.raises(LockNotAvailable):
            await admin.execute("UPDATE agent SET fence = fence + 1 WHERE id = %s", [claimed.lease.agent])


async def test_a_child_gets_no_more_than_its_parent_may_touch(open_harness: Opener) -> None:
    opened, _ = await open_harness(team(1))
    await opened.submit("share", budget={"depth": 2, "fanout": 3, "model_calls": 5}, approve=["calculate"])
    ((_, tenant, agent),) = await opened.collect()
    claimed = await opened.room.engine.claim(tenant, AgentId(agent))
    assert claimed is not None
    turn = claimed.turn
    turn.spawn(
        [
            ChildSpec(
                key="greedy",
                role="worker",
                title="greedy",
                node=None,
                brief=turn.agent.brief,
                return_schema={"type": "object", "properties": {}},
                budget=Budget(depth=16, fanout=1000, model_calls=1000),
                capabilities=Capabilities(
                    tools=frozenset({"http_get", "calculate"}),
                    hosts=frozenset({"example.org"}),
                    memory=frozenset({"tenant", "others"}),
                ),
                provenance=turn.agent.provenance,
            )
        ]
    )
    [(_, child)] = turn.children
    assert child.capabilities.tools == {"calculate"}
    assert child.capabilities.hosts == frozenset()
    assert child.capabilities.memory == {"tenant"}
    assert child.capabilities.approve == {"calculate"}, "nor does it ask less"
    assert (child.budget.depth, child.budget.fanout, child.budget.model_calls) == (1, 3, 5)


async def test_only_turns_that_come_to_nothing_count_as_lost(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    """An agent that ends its workers is given up; one that gets on is not, whatever ends them."""
    opened, _ = await open_harness(team(1))
    await opened.submit("get on")
    counted: list[int] = []
    for gets_on in (False, False, True, False):
        ((_, tenant, agent),) = await opened.collect()
        claimed = await opened.room.engine.claim(tenant, AgentId(agent))
        assert claimed is not None
        if gets_on:
            await claimed.turn.model(
                ModelRequest(kind="answer", messages=(Message(role="user", content="Well?"),))
            )
            await claimed.turn.journal.flush()
        await admin.execute("UPDATE agent SET lease_until = now() - interval '1 second'")
        await opened.room.reaper().round()
        cursor = await admin.execute("SELECT lost_turns FROM agent")
        counted += [row[0] for row in await cursor.fetchall()]
    assert counted == [1, 2, 1, 2]
