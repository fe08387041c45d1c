"""Nobody waits holding a slot, a message or a lock (law 2)."""

from __future__ import annotations

import asyncio

from psycopg import AsyncConnection

from bench.support.engine import ScriptedProvider
from bench.support.scripts import team
from orchestrator.turns.lease import fenced
from tests.chaos.conftest import QUICK, Held, Starter, until


async def test_one_slot_finishes_a_tree_of_depth_4_and_width_10(start_on_broker: Starter) -> None:
    """`python -m bench.waiting` does it with all 1,111 agents; here one child of each lead is a lead."""
    one = await start_on_broker(ScriptedProvider(team(10, depth=3, leads=1)), concurrency=1)
    task = await one.harness.submit("deep and wide", budget={"depth": 4, "fanout": 10})
    done = await one.finished(task)
    tree = await one.harness.platform.tasks.tree(one.harness.principal, task)
    assert done.status == "done"
    assert [sum(agent.depth == level for agent in tree.agents) for level in range(5)] == [1, 10, 10, 10, 0]
    assert {agent.status for agent in tree.agents} == {"done"}
    assert all(agent.lost_turns == 0 for agent in tree.agents)


async def test_a_busy_process_leaves_work_to_the_others(start_worker: Starter) -> None:
    """Its one slot hangs; of eight tasks it keeps the one it runs, and another process does the rest."""
    stuck = await start_worker(Held(team(1), kind="plan"), concurrency=1, **QUICK)
    tasks = [await stuck.harness.submit(f"task {number}") for number in range(8)]
    assert isinstance(stuck.provider, Held)
    await stuck.provider.reached.wait()
    other = await start_worker(ScriptedProvider(team(1)), owner="worker-2", **QUICK)

    async def seven_done() -> bool:
        return sum([(await other.harness.view(task)).status == "done" for task in tasks]) == 7

    await until(seven_done)
    stuck.provider.released.set()
    assert [(await other.finished(task)).status for task in tasks] == ["done"] * 8


async def test_what_waits_in_the_outbox_is_not_published_twice(
    start_worker: Starter, admin: AsyncConnection
) -> None:
    stuck = await start_worker(Held(team(1), kind="plan"), concurrency=1, **QUICK)
    for number in range(40):
        await stuck.harness.submit(f"task {number}")
    await admin.execute("UPDATE agent SET published_at = now() - interval '1 hour' WHERE state = 'ready'")
    for _ in range(3):
        await stuck.harness.room.reaper().round()
    cursor = await admin.execute("SELECT count(*), count(DISTINCT subject_id) FROM outbox")
    waiting = await cursor.fetchone()
    assert waiting is not None
    assert 40 - 5 <= waiting[0] == waiting[1], "one runs, and four wait in the process"
    assert isinstance(stuck.provider, Held)
    stuck.provider.released.set()


async def test_a_process_that_stops_in_a_transaction_does_not_keep_its_rows(start_worker: Starter) -> None:
    """What a stopped process has locked would otherwise keep its agent from being taken back."""
    held = Held(team(1), kind="plan")
    stopped = await start_worker(held, **QUICK)
    task = await stopped.harness.submit("stop anywhere")
    await held.reached.wait()
    (lease,) = [lease for lease, _ in stopped.harness.room.leases._held.values()]  # pyright: ignore[reportPrivateUsage] - what only the stopped turn knows
    other = await start_worker(ScriptedProvider(team(1)), owner="worker-2", **QUICK)
    with_lock = asyncio.Event()

    async def stand_still() -> None:
        async with fenced(stopped.harness.platform.database, lease):
            with_lock.set()
            await asyncio.Event().wait()

    standing = asyncio.create_task(stand_still())
    await with_lock.wait()
    for background in stopped.worker._background:  # pyright: ignore[reportPrivateUsage] - a stopped process extends no lease
        background.cancel()
    assert (await other.finished(task)).status == "done"
    standing.cancel()
    await asyncio.gather(standing, return_exceptions=True)
