"""Ten thousand agents that wait are rows, and nothing else (law 2)."""

from __future__ import annotations

from psycopg import AsyncConnection

from bench.support.engine import ScriptedProvider
from bench.support.scripts import team
from bench.support.waiting import footprint, plant, waiting
from core.ids import TenantId
from tests.chaos.conftest import Running, Starter

AGENTS = 10_000
EXECUTOR_THREADS = 8
"""asyncio's own pool grows as it is used, whoever waits."""
MEGABYTES = 5.0
"""Python's own coming and going; the agents alone would be over 40 MB."""


async def work(running: Running, *, rounds: int = 5) -> None:
    """Small tasks, each to its end."""
    for number in range(rounds):
        task = await running.harness.submit(f"small task {number}")
        assert (await running.finished(task)).status == "done"


async def test_ten_thousand_waiting_agents_hold_nothing(
    start_worker: Starter, admin: AsyncConnection, tenant: TenantId
) -> None:
    one = await start_worker(ScriptedProvider(team(3)), concurrency=2, sweep_seconds=0.05, pool_size=4)
    await work(one)
    before = await footprint(admin, lambda: one.harness.room.leases.held)
    task = await plant(admin, tenant, agents=AGENTS)
    await work(one)
    grown = (await footprint(admin, lambda: one.harness.room.leases.held)).grown(before)
    assert await waiting(admin, task) == AGENTS
    assert max(grown["tasks"], grown["leases"], grown["connections"]) <= 0, grown
    assert grown["threads"] <= EXECUTOR_THREADS, grown
    assert grown["megabytes"] < MEGABYTES, grown
