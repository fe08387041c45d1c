"""Nobody waits holding a slot: a deep, wide tree on one worker slot, and thousands of agents that wait.

`python -m bench.waiting [--quick]`. The tree has 1,111 agents (depth 4, width 10); then 10,000 waiting agents
are written beside a running worker, and what the worker's process holds is compared with before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.table import Table

from bench.support.engine import Harness, ScriptedProvider, harness
from bench.support.scripts import team
from bench.support.site import TemporarySite, temporary_site
from bench.support.waiting import footprint, plant, waiting
from core.ids import DEFAULT_TENANT
from workers.worker import Worker

WIDTH, QUICK_WIDTH, LEVELS = 10, 4, 3
AGENTS, QUICK_AGENTS = 10_000, 2_000
TREE_SECONDS = 600.0
TASK_SECONDS = 60.0
SMALL_TASKS = 20


@asynccontextmanager
async def working(
    site: TemporarySite, provider: ScriptedProvider, *, concurrency: int
) -> AsyncGenerator[Harness]:
    """A worker over real Celery (`memory://`), relay and reaper included."""
    settings = site.settings.model_copy(update={"concurrency": concurrency})
    async with harness(site.conninfo, DEFAULT_TENANT, provider, settings=settings) as opened:
        worker = Worker(settings, opened.room)
        await worker.start()
        try:
            yield opened
        finally:
            await worker.stop()


async def seconds_for(site: TemporarySite, task: UUID, *, most: float) -> float:
    """How long the task took, by the database's clock, once memory has taken it in."""
    end = time.monotonic() + most
    while time.monotonic() < end:
        cursor = await site.admin.execute(
            "SELECT status, extract(epoch FROM finished_at - created_at)::double precision "
            "FROM task WHERE id = %s AND learned_at IS NOT NULL",
            (task,),
        )
        if (row := await cursor.fetchone()) is not None:
            assert row[0] == "done", f"the task ended as {row[0]}"
            return row[1]
        await asyncio.sleep(0.005)
    raise AssertionError(f"not done within {most} s")


async def tree(site: TemporarySite, *, width: int) -> dict[str, Any]:
    """A whole tree of four levels on one slot."""
    provider = ScriptedProvider(team(width, depth=LEVELS))
    async with working(site, provider, concurrency=1) as opened:
        task = await opened.submit("deep and wide", budget={"depth": LEVELS + 1, "fanout": width})
        seconds = await seconds_for(site, task, most=TREE_SECONDS)
        agents = (await opened.view(task)).agents
    return {
        "agents": agents,
        "model_calls": len(provider.requests),
        "seconds": round(seconds, 1),
        "ms_per_model_call": round(seconds / len(provider.requests) * 1000, 1),
    }


async def crowd(site: TemporarySite, *, agents: int) -> dict[str, Any]:
    """What a worker holds with and without a crowd of waiting agents, and how soon it does other work."""
    async with working(site, ScriptedProvider(team(3)), concurrency=2) as opened:

        def leases() -> int:
            return opened.room.leases.held

        await small_tasks(site, opened)
        alone = await small_tasks(site, opened)
        before = await footprint(site.admin, leases)
        task = await plant(site.admin, DEFAULT_TENANT, agents=agents)
        beside = await small_tasks(site, opened)
        after = await footprint(site.admin, leases)
        assert await waiting(site.admin, task) == agents
    return {
        "agents": agents,
        "before": asdict(before),
        "after": asdict(after),
        "grown": after.grown(before),
        "small_task_seconds": {"alone": round(alone, 3), "beside_the_crowd": round(beside, 3)},
    }


async def small_tasks(site: TemporarySite, opened: Harness) -> float:
    """Seconds for a task of four agents, the median of several."""
    times: list[float] = []
    for number in range(SMALL_TASKS):
        task = await opened.submit(f"small task {number}")
        times.append(await seconds_for(site, task, most=TASK_SECONDS))
    return sorted(times)[len(times) // 2]


async def measure(*, width: int, agents: int) -> dict[str, Any]:
    async with temporary_site(pool_size=8) as site:
        return {
            "bench": "waiting",
            "tree": await tree(site, width=width),
            "crowd": await crowd(site, agents=agents),
        }


def show(figures: dict[str, Any]) -> None:
    grown, crowded = figures["tree"], figures["crowd"]
    console = Console()
    console.print(
        f"One slot finished {grown['agents']} agents, {grown['model_calls']} model calls, "
        f"in {grown['seconds']} s ({grown['ms_per_model_call']} ms a call)."
    )
    table = Table(title=f"A worker's process and {crowded['agents']} waiting agents")
    for heading in ("", "before", "after"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name in crowded["before"]:
        table.add_row(name, str(crowded["before"][name]), str(crowded["after"][name]))
    times = crowded["small_task_seconds"]
    table.add_row("seconds for a small task", str(times["alone"]), str(times["beside_the_crowd"]))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description="Waiting agents hold no slot, thread, connection or memory.")
    parser.add_argument("--quick", action="store_true", help="a smaller tree and a smaller crowd")
    quick = parser.parse_args().quick
    width, agents = (QUICK_WIDTH, QUICK_AGENTS) if quick else (WIDTH, AGENTS)
    figures = asyncio.run(measure(width=width, agents=agents))
    show(figures)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
