"""What followers of a task's live events cost Postgres while nothing happens, and how soon they see an event.

`python -m bench.streams [--quick]` compares the feed, which looks once a round for all followers of a
process, with followers that each look for themselves every 0.1 s, in two transactions, as they did before.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from rich.console import Console
from rich.table import Table

from bench.support.site import TemporarySite, temporary_site
from core.clock import SystemClock
from core.database import Database, queries
from core.events import TERMINAL_EVENT, Event, EventKind
from core.ids import DEFAULT_TENANT, TaskId
from orchestrator.services import event_feed, rows
from orchestrator.services.event_feed import EventFeed
from orchestrator.services.views import EventView

FOLLOWERS, QUICK_FOLLOWERS = (200, 1000), (50,)
IDLE_SECONDS = 5.0
EVENTS = 20
EVENT_SECONDS = 0.35
"""Between two events; no multiple of the followers' rhythm."""

SQL = queries.load(event_feed.__file__, "tasks.sql")
_INSERT = (
    b"INSERT INTO task (id, tenant_id, goal, model, granted) VALUES (%(id)s, %(tenant)s, 'x', '{}', '{}')"
)
_COMMITS = "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"

Follow = Callable[[UUID], AsyncIterator[EventView]]


async def each_for_itself(database: Database, task: UUID) -> AsyncIterator[EventView]:
    """The baseline: look for events, look whether the task is over, sleep."""
    after = 0
    while True:
        async with database.unit_of_work(DEFAULT_TENANT) as work:
            await work.fetch_one(SQL.task_exists, {"task": task})
            found = await work.fetch_all(SQL.events, {"task": task, "after": after, "limit": 1000})
        for event in map(rows.event, found):
            yield event
            after = event.seq
            if event.kind == TERMINAL_EVENT:
                return
        if not found:
            async with database.unit_of_work(DEFAULT_TENANT) as work:
                await work.fetch_one(SQL.task_exists, {"task": task})
            await asyncio.sleep(0.1)


@dataclass
class Audience:
    """Followers of one task, and when each saw which event."""

    size: int
    seen: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def follow(self, events: AsyncIterator[EventView]) -> None:
        async for event in events:
            self.seen.setdefault(event.seq, []).append(time.perf_counter())
            if len(self.seen[event.seq]) == self.size:
                async with self.changed:
                    self.changed.notify_all()

    async def all_saw(self, seq: int) -> None:
        async with self.changed:
            await self.changed.wait_for(lambda: len(self.seen.get(seq, ())) == self.size)


async def followed(site: TemporarySite, follow: Follow, followers: int) -> dict[str, float]:
    """Commits a second while idle, and milliseconds from an event's commit to each follower."""
    task = TaskId(uuid4())
    audience = Audience(size=followers)
    committed: dict[int, float] = {}
    async with opened(site, 2) as writer:

        async def commit(kind: EventKind) -> float:
            async with writer.unit_of_work(DEFAULT_TENANT) as work:
                if kind == "task.submitted":
                    await work.execute(_INSERT, {"id": task, "tenant": DEFAULT_TENANT})
                work.emit(Event(task=task, kind=kind))
            return time.perf_counter()

        await commit("task.submitted")
        async with asyncio.TaskGroup() as following:
            for _ in range(followers):
                following.create_task(audience.follow(follow(task)))
            await audience.all_saw(1)
            idle = await _commits_a_second(site)
            for seq in range(2, EVENTS + 2):
                committed[seq] = await commit("agent.started")
                await asyncio.sleep(EVENT_SECONDS)
            await commit(TERMINAL_EVENT)
    waits = [1000 * (at - when) for seq, when in committed.items() for at in audience.seen[seq]]
    return {
        "idle_commits_per_second": round(idle, 1),
        "delivery_p50_ms": round(statistics.median(waits), 1),
        "delivery_p95_ms": round(statistics.quantiles(waits, n=20)[-1], 1),
    }


async def _commits_a_second(site: TemporarySite) -> float:
    """Postgres counts them with up to a second's delay; the first second is let go by for that."""
    await asyncio.sleep(1)
    first, started = await _commits(site), time.perf_counter()
    await asyncio.sleep(IDLE_SECONDS)
    return (await _commits(site) - first) / (time.perf_counter() - started)


async def _commits(site: TemporarySite) -> int:
    row = await (await site.admin.execute(_COMMITS)).fetchone()
    assert row is not None
    return row[0]


async def measure(sizes: tuple[int, ...]) -> dict[str, Any]:
    figures: dict[str, Any] = {"bench": "streams", "followers": {}}
    async with temporary_site() as site:
        for size in sizes:
            figures["followers"][size] = {
                "feed": await with_feed(site, size),
                "each_for_itself": await without_feed(site, size),
            }
    return figures


async def with_feed(site: TemporarySite, followers: int) -> dict[str, float]:
    async with opened(site, 16) as reader:
        feed = EventFeed(reader, SystemClock())
        return await followed(site, lambda task: feed.follow(DEFAULT_TENANT, task, after=0), followers)


async def without_feed(site: TemporarySite, followers: int) -> dict[str, float]:
    async with opened(site, 16) as reader:
        return await followed(site, lambda task: each_for_itself(reader, task), followers)


@asynccontextmanager
async def opened(site: TemporarySite, size: int) -> AsyncGenerator[Database]:
    """Connections of its own: closed ones have told Postgres all they did."""
    database = Database(site.conninfo, size=size)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def show(figures: dict[str, Any]) -> None:
    table = Table(title="Followers of one task")
    for heading in ("followers", "", "commits/s, idle", "delivery p50 ms", "p95 ms"):
        table.add_column(heading, justify="right" if heading else "left")
    for size, ways in figures["followers"].items():
        for way, measured in ways.items():
            table.add_row(str(size), way.replace("_", " "), *(str(value) for value in measured.values()))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description="Live events: what followers cost, and when they see.")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_FOLLOWERS[0]} followers only")
    figures = asyncio.run(measure(QUICK_FOLLOWERS if parser.parse_args().quick else FOLLOWERS))
    show(figures)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
