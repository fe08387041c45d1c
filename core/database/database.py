"""The Postgres pool, and units of work: state, events and outbox rows in one transaction."""

from __future__ import annotations

import asyncio
import select
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import orjson
import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from core import failpoints
from core.database import queries
from core.database.jsonb import jsonb
from core.errors import Conflict, StorageError
from core.events import Event
from core.ids import CallId, TaskId, TenantId
from core.process import process_name
from core.scopes import listed

SQL = queries.load(__file__)

Params = Mapping[str, object]
Row = dict[str, Any]
"""A row by column name; its values are checked where a model is built from it."""

Topic = str

Pool = AsyncConnectionPool[AsyncConnection[DictRow]]

_SERVER_FAILED = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.InternalError,  # a server that became read-only, a transaction that was idle for too long
    PoolTimeout,
)


class UnitOfWork:
    """One transaction for one tenant. What `emit` and `enqueue` take is written last, just before commit.

    Attributes:
        emitted: all events so far.
    """

    def __init__(self, connection: AsyncConnection[DictRow], tenant: TenantId) -> None:
        self.connection = connection
        self.tenant = tenant
        self.emitted: list[Event] = []
        self._events: dict[TaskId, list[Event]] = {}
        self._outbox: list[tuple[Topic, UUID]] = []
        self._concluded: CallId | None = None
        self._told = 0

    async def execute(self, query: bytes, params: Params | None = None) -> int:
        """Run a statement; returns how many rows it touched."""
        _reach(query)
        cursor = await self.connection.execute(query, params)
        return cursor.rowcount

    async def fetch_one(self, query: bytes, params: Params | None = None) -> Row | None:
        _reach(query)
        cursor = await self.connection.execute(query, params)
        return await cursor.fetchone()

    async def fetch_all(self, query: bytes, params: Params | None = None) -> list[Row]:
        _reach(query)
        cursor = await self.connection.execute(query, params)
        return await cursor.fetchall()

    def emit(self, event: Event) -> None:
        self._events.setdefault(event.task, []).append(event)
        self.emitted.append(event)

    def emit_first(self, call: CallId, events: Sequence[Event]) -> None:
        """Events that tell how a call ended, before all others."""
        for event in events:
            self.emit(event)
        self._concluded, self._told = call, len(events)

    def enqueue(self, topic: Topic, subject: UUID) -> None:
        self._outbox.append((topic, subject))

    async def flush(self) -> None:
        """Write the buffered rows. The task row's lock, which numbers events, is held only from here on."""
        for task in sorted(self._events) or ([None] if self._outbox else []):
            events = self._events.get(task, []) if task is not None else []
            _reach(SQL.write_out)
            await self.connection.execute(
                SQL.write_out,
                {
                    "topics": [topic for topic, _ in self._outbox],
                    "subjects": [subject for _, subject in self._outbox],
                    "task": task,
                    "agents": [event.agent for event in events],
                    "kinds": [event.kind for event in events],
                    "data": [jsonb(event.data) for event in events],
                    "call": self._concluded,
                    "told": self._told,
                },
            )
            self._outbox.clear()
            self._told = 0
        self._events.clear()


def _reach(query: bytes) -> None:
    if failpoints.is_armed():
        failpoints.reach(queries.name_of(query))


async def _configure(connection: AsyncConnection[DictRow]) -> None:
    set_json_dumps(orjson.dumps, connection)
    set_json_loads(orjson.loads, connection)


async def _check(connection: AsyncConnection[DictRow]) -> None:
    """Whether the server has hung up since the connection was last used; costs no round trip if it has not.

    Raises:
        OperationalError: it has; the pool then takes another one.
    """
    poll = select.poll()
    poll.register(connection.pgconn.socket, select.POLLIN)
    if poll.poll(0):
        await connection.execute(b"")


class Database:
    """Connections as the application role, which row-level security binds."""

    def __init__(
        self,
        conninfo: str,
        *,
        size: int,
        plumbing: int = 0,
        patience: float = 10.0,
        committed: Callable[[Sequence[Event]], None] | None = None,
    ) -> None:
        """Make a pool of up to `size` connections.

        Args:
            conninfo: where Postgres is, and who asks.
            size: of all connections.
            plumbing: how many of them are kept for `plumbing`, which then never waits for units of work.
            patience: seconds after which the server ends a transaction in which this process does
                nothing: what a stopped process has locked must not stay locked.
            committed: is told of each unit of work's events.
        """
        self.conninfo = conninfo
        self._committed = committed
        self._pool = self._make(size - plumbing, patience)
        self._plumbing = self._make(plumbing, patience) if plumbing else self._pool

    def _make(self, size: int, patience: float) -> Pool:
        return AsyncConnectionPool(
            self.conninfo,
            min_size=min(2, size),
            max_size=size,
            open=False,
            timeout=30,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "prepare_threshold": 1,
                "application_name": process_name(),
                "options": "-c search_path=treehold,public "
                f"-c idle_in_transaction_session_timeout={max(1, int(patience * 1000))}",
            },
            configure=_configure,
            check=_check,
            name="treehold",
        )

    async def open(self) -> None:
        """Raises `StorageError` when no connection can be had."""
        try:
            for pool in (self._pool, self._plumbing):
                await pool.open(wait=True, timeout=30)
        except (psycopg.OperationalError, PoolTimeout) as error:
            raise StorageError(f"cannot connect to Postgres: {error}") from error

    async def close(self) -> None:
        for pool in (self._pool, self._plumbing):
            await pool.close()

    def connections(self) -> tuple[int, int, int]:
        """Of the pool: how many are in use, how many are idle, and how many requests wait for one."""
        stats = self._pool.get_stats()
        open_, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
        return max(0, open_ - idle), idle, stats.get("requests_waiting", 0)

    @asynccontextmanager
    async def unit_of_work(
        self, tenant: TenantId, *, scopes: Collection[str] = ()
    ) -> AsyncGenerator[UnitOfWork]:
        """One transaction that sees and writes this tenant's rows only, and of memory only these scopes.

        Args:
            tenant: whose rows.
            scopes: the memory scopes of whoever it is done for; `core.scopes.EVERY` is for the platform's
                own work alone. Without any, the tenant's memory is empty.

        Raises:
            Conflict: a uniqueness rule was broken.
            StorageError: the server failed or is gone.
        """
        async with self._connection() as connection:
            # One exchange with the server; psycopg's own transactions would take two.
            begin = f"BEGIN; SET LOCAL treehold.tenant = '{UUID(str(tenant))}'"
            if scopes:
                begin += f"; SET LOCAL treehold.scopes = '{listed(scopes)}'"
            await connection.execute(begin.encode())
            try:
                work = UnitOfWork(connection, tenant)
                yield work
                await work.flush()
                failpoints.reach("commit")
                await connection.commit()
                if work.emitted and self._committed is not None:
                    self._committed(work.emitted)
                failpoints.reach("committed")
            except BaseException:
                if not connection.closed:
                    await connection.rollback()
                raise

    async def call(self, query: bytes, params: Params) -> Row | None:
        """A statement that is a whole transaction, such as a function that binds itself to a tenant.

        Returns:
            The first row, if there is one.

        Raises:
            StorageError: the server failed or is gone.
        """
        _reach(query)
        async with self._connection() as connection:
            cursor = await connection.execute(query, params)
            row = await cursor.fetchone()
        failpoints.reach("committed")
        return row

    @asynccontextmanager
    async def plumbing(self) -> AsyncGenerator[AsyncConnection[DictRow]]:
        """A connection without a tenant: it sees no rows, and may call the engine's functions."""
        async with self._connection(self._plumbing) as connection:
            yield connection

    @asynccontextmanager
    async def _connection(self, pool: Pool | None = None) -> AsyncGenerator[AsyncConnection[DictRow]]:
        task = asyncio.current_task()
        cancelled = task.cancelling() if task else 0
        try:
            async with (pool or self._pool).connection() as connection:
                # Python 3.11's `wait_for`, which the pool waits with, loses a cancellation now and then.
                if task and task.cancelling() > cancelled:
                    raise asyncio.CancelledError
                yield connection
        except psycopg.errors.UniqueViolation as error:
            raise Conflict(f"already there: {error.diag.constraint_name}") from error
        except _SERVER_FAILED as error:
            raise StorageError(f"Postgres failed: {error}") from error
