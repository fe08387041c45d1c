"""What the platform costs: a chain of tasks of one worker each, with a model that answers at once.

`python -m bench.overhead [--quick]` prints milliseconds per turn and per model call, without Celery and with
it (`memory://`), and where they go. Postgres is embedded and durable; nothing is switched off.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, cast

import psycopg
from rich.console import Console
from rich.table import Table

from bench.support.engine import Harness, ScriptedProvider, harness
from bench.support.sampling import sampled
from bench.support.scripts import team
from bench.support.site import TemporarySite, temporary_site
from core.ids import DEFAULT_TENANT, AgentId, TaskId, TenantId
from orchestrator.topics import ADVANCE
from workers.worker import Worker

TASKS, QUICK_TASKS, WARM_UP = 100, 20, 5
TURNS_A_TASK = 3
"""The lead plans; the worker works and returns; the lead answers."""
CALLS_A_TASK = 3
POLL_SECONDS = 0.002


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Tasks run one after the other, and how long each took, in milliseconds."""

    milliseconds: list[float]

    def figures(self) -> dict[str, float]:
        middle = statistics.median(self.milliseconds)
        return {
            "task_p50_ms": round(middle, 2),
            "task_p95_ms": round(statistics.quantiles(self.milliseconds, n=20)[-1], 2),
            "turn_p50_ms": round(middle / TURNS_A_TASK, 2),
            "model_call_p50_ms": round(middle / CALLS_A_TASK, 2),
        }


@dataclass
class RoundTrips:
    """Exchanges with Postgres, and the time spent in them."""

    count: int = 0
    seconds: float = 0.0


@contextmanager
def counted(trips: RoundTrips) -> Generator[None]:
    """Count while the block runs; psycopg passes every exchange through one method."""
    original = cast(Any, psycopg.AsyncConnection.wait)

    async def wait(self: object, generator: object, *arguments: object, **options: object) -> object:
        started = time.perf_counter()
        try:
            return await original(self, generator, *arguments, **options)
        finally:
            trips.count += 1
            trips.seconds += time.perf_counter() - started

    vars_of = cast(Any, psycopg.AsyncConnection)
    vars_of.wait = wait
    try:
        yield
    finally:
        vars_of.wait = original


Watch = Callable[[], AbstractContextManager[object]]


async def without_celery(site: TemporarySite, tasks: int, watch: Watch = nullcontext) -> Chain:
    """The engine's turns, driven from here as messages come out of the outbox, and watched meanwhile."""
    async with harness(
        site.conninfo, DEFAULT_TENANT, ScriptedProvider(team(1)), settings=site.settings
    ) as opened:
        for number in range(WARM_UP):
            await _driven(opened, number, nullcontext)
        return Chain(milliseconds=[await _driven(opened, number, watch) for number in range(tasks)])


async def _driven(opened: Harness, number: int, watch: Watch) -> float:
    """Submit and drive one task to its end; what memory then learns of it is not counted."""
    learn: list[tuple[TenantId, TaskId]] = []
    started = time.perf_counter()
    with watch():
        task = await opened.submit(f"overhead {number}")
        while messages := await opened.collect():
            for topic, tenant, subject in messages:
                if topic == ADVANCE:
                    await opened.room.engine.advance(tenant, AgentId(subject))
                else:
                    learn.append((tenant, TaskId(subject)))
    spent = (time.perf_counter() - started) * 1000
    for finished in learn:
        await opened.room.learning.learn(*finished)
    assert (await opened.view(task)).status == "done"
    return spent


async def with_celery(site: TemporarySite, tasks: int) -> Chain:
    """A whole worker: relay, in-process broker, Celery's threads, reaper and leases."""
    async with harness(
        site.conninfo, DEFAULT_TENANT, ScriptedProvider(team(1)), settings=site.settings
    ) as opened:
        worker = Worker(site.settings, opened.room)
        await worker.start()
        try:
            times = [await _finished(site, opened, number) for number in range(tasks + WARM_UP)]
        finally:
            await worker.stop()
    return Chain(milliseconds=times[WARM_UP:])


async def _finished(site: TemporarySite, opened: Harness, number: int) -> float:
    """From the task's row to its end, by the database's clock; the next one begins when it was learned."""
    task = await opened.submit(f"overhead through Celery {number}")
    while True:
        cursor = await site.admin.execute(
            "SELECT status, extract(epoch FROM finished_at - created_at)::double precision * 1000 "
            "FROM task WHERE id = %s AND learned_at IS NOT NULL",
            (task,),
        )
        if (row := await cursor.fetchone()) is not None:
            assert row[0] == "done"
            return row[1]
        await asyncio.sleep(POLL_SECONDS)


async def measure(tasks: int) -> dict[str, Any]:
    samples: Counter[str] = Counter()
    trips = RoundTrips()
    async with temporary_site(pool_size=8) as site:
        plain = await without_celery(site, tasks)
        queued = await with_celery(site, tasks)
        await without_celery(site, tasks, lambda: counted(trips))
        await without_celery(site, tasks, lambda: sampled(samples))
    total = samples.total()
    return {
        "bench": "overhead",
        "tasks": tasks,
        "turns_per_task": TURNS_A_TASK,
        "model_calls_per_task": CALLS_A_TASK,
        "without_celery": plain.figures(),
        "with_celery": queued.figures(),
        "round_trips_per_turn": round(trips.count / (tasks * TURNS_A_TASK), 1),
        "round_trip_ms": round(trips.seconds / trips.count * 1000, 3),
        "share_percent": {name: round(100 * count / total, 1) for name, count in samples.most_common()},
    }


def show(figures: dict[str, Any]) -> None:
    console = Console()
    times = Table(title="Milliseconds, model latency 0, Postgres durable")
    for heading in ("", "task p50", "task p95", "turn p50", "model call p50"):
        times.add_column(heading, justify="left" if not heading else "right")
    for name in ("without_celery", "with_celery"):
        times.add_row(name.replace("_", " "), *(str(value) for value in figures[name].values()))
    console.print(times)
    parts = Table(title="Where it goes (without Celery)")
    parts.add_column("component")
    parts.add_column("% of wall-clock time", justify="right")
    for name, share in figures["share_percent"].items():
        parts.add_row(name, str(share))
    console.print(parts)
    trips, each = figures["round_trips_per_turn"], figures["round_trip_ms"]
    console.print(f"{trips} exchanges with Postgres a turn, {each} ms each")


def main() -> None:
    parser = argparse.ArgumentParser(description="The platform's overhead per turn and per model call.")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_TASKS} tasks instead of {TASKS}")
    quick = parser.parse_args().quick
    figures = asyncio.run(measure(QUICK_TASKS if quick else TASKS))
    show(figures)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
