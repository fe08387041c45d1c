"""The relay: publishes outbox rows once their transaction is committed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import psycopg
from psycopg.rows import DictRow

from core import failpoints
from core.database import Database
from core.errors import StorageError
from core.ids import TenantId
from core.tracing import TraceContext, context_of, parse, span_of, within

log = logging.getLogger(__name__)

BATCH = 16
"""As many as are published well before Postgres ends a transaction in which nothing seems to happen.

It would take them all back, though they are published, and so again and again where the broker is slow.
"""
BUSY_SECONDS = 0.02
"""When to look again where another relay was taking rows: it may not have seen what woke this one."""
_TAKE = (
    b"SELECT tenant_id, topic, subject_id, counted"
    b" FROM take_outbox(%(most)s, %(depth)s, %(running)s, %(patience)s)"
)
_SENT = b"SELECT mark_sent(%(agents)s::uuid[])"
_CONTEXTS = b"SELECT subject_id, task_id, traceparent FROM trace_contexts(%(subjects)s)"
_LISTEN = b"LISTEN treehold_outbox"


@dataclass(frozen=True, kw_only=True)
class Order:
    """How tenants share the workers (docs/fairness.md).

    Attributes:
        depth: messages that may be with a broker which other processes share, before workers claim them: what
            lies there is past all fairness. None where the publisher bounds them itself.
        running: agents of one tenant that may be out at a time, unless its share says otherwise.
        patience: seconds after which a tenant that waits goes first.
    """

    depth: int | None = None
    running: int | None = None
    patience: float = 30.0


class Publisher(Protocol):
    """A way to the workers. The message is a pointer; losing or repeating it does no harm."""

    async def publish(self, topic: str, tenant: TenantId, subject: UUID) -> None: ...

    @property
    def shared(self) -> bool:
        """Whether messages outlive this process, and so may not be lost between outbox and broker."""
        ...

    async def capacity(self) -> int:
        """Wait until there is room for a message; returns for how many.

        What finds none stays in the outbox, where every process can take it.
        """
        ...


class Relay:
    """One a process; among all of them, one takes rows at a time.

    Wakes at each commit that left outbox rows, when it is nudged, and every `sweep` seconds.
    """

    def __init__(
        self,
        database: Database,
        publisher: Publisher,
        *,
        sweep: float,
        order: Order | None = None,
        traced: bool = False,
    ) -> None:
        """Where it is `traced`, each message is published within the trace it belongs to."""
        self._traced = traced
        self._database = database
        self._publisher = publisher
        self._sweep = sweep
        self._order = order or Order()
        self._woken = asyncio.Event()
        self._busy = self._held = False
        self._nudges = 0

    def nudge(self) -> None:
        """There may be room for a message that had none: one was claimed, or its turn has ended."""
        self._nudges += 1
        if self._held:
            self._woken.set()

    async def run(self) -> None:
        """Until cancelled; outlives a Postgres that goes away for a while."""
        while True:
            try:
                await self._listen()
            except (StorageError, psycopg.Error) as error:
                log.warning("relay.interrupted", extra={"reason": str(error)})
                await asyncio.sleep(self._sweep)

    async def _listen(self) -> None:
        async with await connected(self._database.conninfo) as connection:
            await connection.execute(_LISTEN)
            listening = asyncio.create_task(self._hear(connection), name="relay listens")
            try:
                while not listening.done():
                    self._woken.clear()
                    await self.drain()
                    await self._wait(BUSY_SECONDS if self._busy else self._sweep)
                listening.result()
            finally:
                listening.cancel()
                await asyncio.gather(listening, return_exceptions=True)

    async def _hear(self, connection: psycopg.AsyncConnection) -> None:
        try:
            async for _ in connection.notifies():
                self._woken.set()
        finally:
            self._woken.set()

    async def _wait(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    async def drain(self) -> int:
        """Publish all there is, as fast as there is room; returns how many."""
        published = 0
        while taken := await self._batch():
            published += taken
        return published

    async def _batch(self) -> int:
        most, nudges = min(BATCH, await self._publisher.capacity()), self._nudges
        if self._publisher.shared:
            async with self._database.plumbing() as connection, connection.transaction():
                taken, why = await self._publish(connection, most)
                failpoints.reach("relay.commit")
        else:
            taken, why = await self._publish_whole(most)
        self._busy, self._held = why == "busy", why == "held"
        if self._held and self._nudges > nudges:
            self._woken.set()
        return taken

    async def _publish_whole(self, most: int) -> tuple[int, str | None]:
        """A broker that ends with this process loses its messages in any case: a transaction would not help.

        But what was taken is published, also where the relay is stopped meanwhile.
        """
        publishing = asyncio.create_task(self._publish_at_once(most))
        try:
            return await asyncio.shield(publishing)
        except asyncio.CancelledError:
            await asyncio.gather(publishing, return_exceptions=True)
            raise

    async def _publish_at_once(self, most: int) -> tuple[int, str | None]:
        async with self._database.plumbing() as connection:
            return await self._publish(connection, most)

    async def _publish(
        self, connection: psycopg.AsyncConnection[DictRow], most: int
    ) -> tuple[int, str | None]:
        """How many were published, and why no more, if that is known."""
        order = {"depth": self._order.depth, "running": self._order.running, "patience": self._order.patience}
        cursor = await connection.execute(_TAKE, {"most": most, **order})
        rows = await cursor.fetchall()
        why = rows.pop()["topic"] if rows and rows[-1]["subject_id"] is None else None
        contexts = await _contexts(connection, rows) if self._traced else {}
        for row in rows:
            failpoints.reach("relay.publish")
            with within(contexts.get(row["subject_id"])):
                await self._publisher.publish(row["topic"], TenantId(row["tenant_id"]), row["subject_id"])
        # Last: an agent's row must not stay locked while a broker takes its time.
        if counted := [row["subject_id"] for row in rows if row["counted"]]:
            await connection.execute(_SENT, {"agents": counted})
        return len(rows), why


async def _contexts(
    connection: psycopg.AsyncConnection[DictRow], rows: Sequence[DictRow]
) -> dict[UUID, TraceContext]:
    """What each message is about: the span of its agent or task."""
    cursor = await connection.execute(_CONTEXTS, {"subjects": [row["subject_id"] for row in rows]})
    return {
        row["subject_id"]: context_of(row["task_id"], parse(row["traceparent"]), span_of(row["subject_id"]))
        for row in await cursor.fetchall()
    }


async def connected(conninfo: str) -> psycopg.AsyncConnection:
    """Connected, or not: a log-in that is cut off half-way keeps its place on the server for a minute."""
    connecting = asyncio.create_task(psycopg.AsyncConnection.connect(conninfo, autocommit=True))
    try:
        return await asyncio.shield(connecting)
    except asyncio.CancelledError:
        [connection] = await asyncio.gather(connecting, return_exceptions=True)
        if isinstance(connection, psycopg.AsyncConnection):
            await connection.close()
        raise
