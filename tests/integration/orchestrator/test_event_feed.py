"""Followers of live events: what they see, and what they cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from psycopg import AsyncConnection

from core.clock import SystemClock
from core.database import Database
from core.database.database import Pool
from core.errors import NotFound
from core.events import Event, EventKind
from core.ids import TaskId, TenantId
from orchestrator.services.event_feed import EventFeed
from tests.conftest import TestDatabase

INSERT = (
    b"INSERT INTO task (id, tenant_id, goal, model, granted) VALUES (%(id)s, %(tenant)s, 'x', '{}', '{}')"
)
FINISH = b"UPDATE task SET status = 'done', finished_at = now() WHERE id = %(task)s"


class Rounds:
    """A clock that sleeps until the test lets a round go by."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._slept = 0
        self._round = 0

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return float(self._round)

    async def sleep(self, seconds: float) -> None:
        async with self._changed:
            self._slept += 1
            self._changed.notify_all()
            mine = self._slept
            await self._changed.wait_for(lambda: self._round >= mine)

    async def begin(self) -> None:
        """Wakes who sleeps, once it does."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._slept > self._round)
            self._round += 1
            self._changed.notify_all()

    async def go_by(self) -> None:
        """Returns when whoever slept has worked and sleeps again."""
        await self.begin()
        async with self._changed:
            await self._changed.wait_for(lambda: self._slept > self._round)


class CountingDatabase(Database):
    """Counts the connections that are taken."""

    taken = 0

    @asynccontextmanager
    async def _connection(
        self, pool: Pool | None = None
    ) -> AsyncGenerator[AsyncConnection[dict[str, object]]]:
        self.taken += 1
        async with super()._connection(pool) as connection:
            yield connection


@pytest.fixture
async def counting(test_database: TestDatabase) -> AsyncIterator[CountingDatabase]:
    opened = CountingDatabase(test_database.application, size=4)
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def feed(database: Database) -> EventFeed:
    return EventFeed(database, SystemClock())


async def add_task(database: Database, tenant: TenantId) -> TaskId:
    task = TaskId(uuid4())
    async with database.unit_of_work(tenant) as work:
        await work.execute(INSERT, {"id": task, "tenant": tenant})
        work.emit(Event(task=task, kind="task.submitted"))
    return task


async def emit(database: Database, tenant: TenantId, task: TaskId, kind: EventKind = "agent.started") -> None:
    async with database.unit_of_work(tenant) as work:
        if kind == "task.finished":
            await work.execute(FINISH, {"task": task})
        work.emit(Event(task=task, kind=kind))


async def seen(feed: EventFeed, tenant: TenantId, task: UUID, after: int = 0) -> list[int]:
    return [event.seq async for event in feed.follow(tenant, task, after=after)]


async def test_followers_from_any_place_see_all_the_rest_once(
    feed: EventFeed, database: Database, tenant: TenantId
) -> None:
    task = await add_task(database, tenant)
    early = [asyncio.create_task(seen(feed, tenant, task)) for _ in range(20)]
    late: list[asyncio.Task[list[int]]] = []
    for place in range(30):
        await asyncio.gather(*(emit(database, tenant, task) for _ in range(3)))
        late.append(asyncio.create_task(seen(feed, tenant, task, after=place)))
    await emit(database, tenant, task, "task.finished")
    async with asyncio.timeout(10):
        assert {tuple(each) for each in await asyncio.gather(*early)} == {tuple(range(1, 93))}
        assert await asyncio.gather(*late) == [list(range(place + 1, 93)) for place in range(30)]


async def test_a_task_that_has_ended_is_followed_to_its_last_event(
    feed: EventFeed, database: Database, tenant: TenantId
) -> None:
    task = await add_task(database, tenant)
    await emit(database, tenant, task, "task.finished")
    await emit(database, tenant, task, "memory.learned")
    async with asyncio.timeout(5):
        assert await seen(feed, tenant, task) == [1, 2]
        assert await seen(feed, tenant, task, after=2) == [3]
        assert await seen(feed, tenant, task, after=3) == []


async def test_more_events_than_a_page_holds(
    feed: EventFeed, database: Database, tenant: TenantId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.services.event_feed.PAGE", 4)
    task = await add_task(database, tenant)
    for _ in range(10):
        await emit(database, tenant, task)
    await emit(database, tenant, task, "task.finished")
    async with asyncio.timeout(5):
        assert await seen(feed, tenant, task) == list(range(1, 13))


async def test_another_tenants_task_is_not_there(
    feed: EventFeed, database: Database, tenant: TenantId, other_tenant: TenantId
) -> None:
    task = await add_task(database, tenant)
    owner = asyncio.create_task(seen(feed, tenant, task))
    with pytest.raises(NotFound):
        await seen(feed, other_tenant, task)
    await emit(database, tenant, task, "task.finished")
    assert await owner == [1, 2]


async def caught_up(feed: EventFeed, tenant: TenantId, task: TaskId, reached: Callable[[], object]) -> None:
    """Follows to the end, and tells when the first event is behind it."""
    async with aclosing(feed.follow(tenant, task, after=0)) as events:
        async for event in events:
            if event.seq == 1:
                reached()


async def test_idle_followers_cost_one_look_a_round_however_many_they_are(
    counting: CountingDatabase, tenant: TenantId
) -> None:
    clock = Rounds()
    feed = EventFeed(counting, clock)
    tasks = [await add_task(counting, tenant) for _ in range(5)]
    started = asyncio.Semaphore(0)
    followers = [
        asyncio.create_task(caught_up(feed, tenant, tasks[number % 5], started.release))
        for number in range(100)
    ]
    for _ in followers:
        await started.acquire()
    await clock.go_by()
    before = counting.taken
    for _ in range(10):
        await clock.go_by()
    assert counting.taken - before == 10
    for task in tasks:
        await emit(counting, tenant, task, "task.finished")
    before = counting.taken
    await clock.begin()
    await asyncio.gather(*followers)
    assert counting.taken - before <= 7, "a look, and each task's events read once for all its followers"


async def test_followers_outlive_lost_connections(
    feed: EventFeed,
    database: Database,
    test_database: TestDatabase,
    tenant: TenantId,
    admin: AsyncConnection,
) -> None:
    task = await add_task(database, tenant)
    reached = asyncio.Event()
    follower = asyncio.create_task(caught_up(feed, tenant, task, reached.set))
    await reached.wait()
    await admin.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE usename = 'treehold_app' AND datname = current_database()"
    )
    writer = Database(test_database.application, size=2)
    await writer.open()
    await emit(writer, tenant, task, "task.finished")
    await writer.close()
    async with asyncio.timeout(10):
        await follower


async def test_the_last_to_leave_leaves_nothing_running(
    feed: EventFeed, database: Database, tenant: TenantId
) -> None:
    task = await add_task(database, tenant)
    before = asyncio.all_tasks()
    async with (
        aclosing(feed.follow(tenant, task, after=0)) as first,
        aclosing(feed.follow(tenant, task, after=0)) as second,
    ):
        assert (await anext(first)).seq == (await anext(second)).seq == 1
        background = asyncio.all_tasks() - before
        assert background
    async with asyncio.timeout(5):
        await asyncio.wait(background)
    assert asyncio.all_tasks() == before
