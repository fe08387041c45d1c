"""Live events: one look at the database a round for all followers in this process.

A look asks how far the followed tasks are, across tenants and by id only. The events themselves are read
under the follower's own tenant, and once for all who stand at the same place.

Postgres could announce events (`NOTIFY`), but a transaction that notifies holds a lock of the whole cluster
while it commits, and nearly every transaction writes events.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

from core.clock import Clock
from core.database import Database, queries
from core.errors import NotFound
from core.events import TERMINAL_EVENT
from core.ids import TenantId
from orchestrator.services import rows
from orchestrator.services.views import EventView

SQL = queries.load(__file__, "tasks.sql")
log = logging.getLogger(__name__)

LOOK_SECONDS = 0.1
"""How often a process with followers looks for new events."""
PAGE = 1000

_MOVED = b"SELECT task_id, seq FROM moved_tasks(%(tasks)s, %(seen)s)"


@dataclass(frozen=True, kw_only=True)
class _Page:
    """Events behind a place. `last` says that no more will come."""

    events: tuple[EventView, ...]
    last: bool


@dataclass
class _Followed:
    """A task with followers. `seen` is the highest event number a look has found."""

    followers: int = 0
    seen: int = 0
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    def move(self, seq: int) -> None:
        self.seen = seq
        moved, self.moved = self.moved, asyncio.Event()
        moved.set()

    async def beyond(self, after: int) -> None:
        while self.seen <= after:
            await self.moved.wait()


class EventFeed:
    """One a process. It looks while someone follows, and does nothing otherwise."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._followed: dict[UUID, _Followed] = {}
        self._reading: dict[tuple[TenantId, UUID, int], asyncio.Task[_Page]] = {}
        self._looking: asyncio.Task[None] | None = None

    async def follow(self, tenant: TenantId, task: UUID, *, after: int) -> AsyncGenerator[EventView]:
        """Events as they are committed, from `after` on; ends behind `task.finished`.

        Raises:
            NotFound: this tenant has no such task.
            StorageError: events could not be read; what was yielded stands, so it can be resumed.
        """
        with self._joined(task) as followed:
            while True:
                page = await self._page(tenant, task, after)
                for event in page.events:
                    yield event
                    after = event.seq
                    if event.kind == TERMINAL_EVENT:
                        return
                if page.last:
                    return
                if len(page.events) < PAGE:
                    await followed.beyond(after)

    @contextmanager
    def _joined(self, task: UUID) -> Generator[_Followed]:
        followed = self._followed.setdefault(task, _Followed())
        followed.followers += 1
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_round(), name="event feed")
        try:
            yield followed
        finally:
            followed.followers -= 1
            if not followed.followers:
                del self._followed[task]

    async def _look_round(self) -> None:
        """Ends a round after the last follower left. While Postgres is away, followers wait."""
        try:
            while self._followed:
                try:
                    await self._look()
                except Exception:
                    log.warning("event_feed.interrupted", exc_info=True)
                await self._clock.sleep(LOOK_SECONDS)
        finally:
            self._looking = None

    async def _look(self) -> None:
        asked = {"tasks": list(self._followed), "seen": [each.seen for each in self._followed.values()]}
        async with self._database.plumbing() as connection:
            cursor = await connection.execute(_MOVED, asked)
            moved = await cursor.fetchall()
        for row in moved:
            if (followed := self._followed.get(row["task_id"])) is not None:
                followed.move(row["seq"])

    async def _page(self, tenant: TenantId, task: UUID, after: int) -> _Page:
        """The page behind `after`. Whoever asks while it is being read gets the same one."""
        place = (tenant, task, after)
        reading = self._reading.get(place)
        if reading is None:
            reading = self._reading[place] = asyncio.create_task(self._read(tenant, task, after))
            reading.add_done_callback(lambda _: self._reading.pop(place))
        return await asyncio.shield(reading)

    async def _read(self, tenant: TenantId, task: UUID, after: int) -> _Page:
        async with self._database.unit_of_work(tenant) as work:
            state = await work.fetch_one(SQL.task_exists, {"task": task})
            if state is None:
                raise NotFound(f"no task {task}")
            found = await work.fetch_all(SQL.events, {"task": task, "after": after, "limit": PAGE})
        events = tuple(rows.event(row) for row in found)
        reached = events[-1].seq if events else after
        return _Page(events=events, last=state["status"] != "running" and reached >= state["event_seq"])
