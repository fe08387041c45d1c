"""Ten thousand agents that wait are rows, and nothing else (law 2)."""

from __future__ import annotations

import asyncio
import gc
import time

from psycopg import AsyncConnection

from bench.support.engine import ScriptedProvider
from bench.support.scripts import team
from bench.support.waiting import Footprint, connections, plant, resident_megabytes, threads, waiting
from core.ids import TenantId
from tests.chaos.conftest import Running, Starter

AGENTS = 10_000
MEGABYTES = 5.0
"""Python's own coming and going; the agents alone would be over 40 MB."""


async def work(running: Running, *, rounds: int = 5) -> float:
    """Seconds for a small task, at best of several."""
    times: list[float] = []
    for number in range(rounds):
        started = time.monotonic()
        task = await running.harness.submit(f"small task {number}")
        assert (await running.finished(task)).status == "done"
        times.append(time.monotonic() - started)
    return min(times)


async def footprint(running: Running, admin: AsyncConnection) -> Footprint:
    gc.collect()
    return Footprint(
        leases=running.harness.room.leases.held,
        threads=threads(),
        tasks=len(asyncio.all_tasks()),
        connections=await connections(admin),
        megabytes=resident_megabytes(),
    )


async def test_ten_thousand_waiting_agents_hold_nothing(
    start_worker: Starter, admin: AsyncConnection, tenant: TenantId
) -> None:
    one = await start_worker(ScriptedProvider(team(3)), concurrency=2, sweep_seconds=0.05, pool_size=4)
    await work(one)
    alone = await work(one)
    before = await footprint(one, admin)
    task = await plant(admin, tenant, agents=AGENTS)
    beside = await work(one)
    grown = (await footprint(one, admin)).grown(before)
    assert await waiting(admin, task) == AGENTS
    assert max(grown["threads"], grown["tasks"], grown["leases"], grown["connections"]) <= 0, grown
    assert grown["megabytes"] < MEGABYTES, grown
    assert beside < 3 * alone + 0.5
