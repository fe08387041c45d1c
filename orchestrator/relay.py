"""The relay: publishes outbox rows once their transaction is committed."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol
from uuid import UUID

import psycopg
from psycopg.rows import DictRow

from core import failpoints
from core.database import Database
from core.errors import StorageError
from core.ids import TenantId

log = logging.getLogger(__name__)

BATCH = 16
"""As many as are published well before Postgres ends a transaction in which nothing seems to happen.

It would take them all back, though they are published, and so again and again where the broker is slow.
"""
_TAKE = b"SELECT tenant_id, topic, subject_id FROM take_outbox(%(most)s)"
_LISTEN = b"LISTEN treehold_outbox"


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
    """One a process. Wakes at each commit that left outbox rows, and looks round every `sweep` seconds."""

    def __init__(self, database: Database, publisher: Publisher, *, sweep: float) -> None:
        self._database = database
        self._publisher = publisher
        self._sweep = sweep

    async def run(self) -> None:
        """Until cancelled; outlives a Postgres that goes away for a while."""
        while True:
            try:
                await self._listen()
            except (StorageError, psycopg.Error) as error:
                log.warning("relay.interrupted", extra={"reason": str(error)})
                await asyncio.sleep(self._sweep)

    async def _listen(self) -> None:
        async with await _connected(self._database.conninfo) as connection:
            await connection.execute(_LISTEN)
            while True:
                await self.drain()
                async for _ in connection.notifies(timeout=self._sweep, stop_after=1):
                    pass

    async def drain(self) -> int:
        """Publish all there is, as fast as there is room; returns how many."""
        published, more = 0, True
        while more:
            most = min(BATCH, await self._publisher.capacity())
            taken = await self._batch(most)
            published += taken
            more = taken == most  # whoever commits from here on wakes the relay again
        return published

    async def _batch(self, most: int) -> int:
        if self._publisher.shared:
            async with self._database.plumbing() as connection, connection.transaction():
                taken = await self._publish(connection, most)
                failpoints.reach("relay.commit")
            return taken
        # A broker that ends with this process loses its messages in any case: a transaction would not help.
        # But what was taken is published, also where the relay is stopped meanwhile.
        publishing = asyncio.create_task(self._publish_at_once(most))
        try:
            return await asyncio.shield(publishing)
        except asyncio.CancelledError:
            await asyncio.gather(publishing, return_exceptions=True)
            raise

    async def _publish_at_once(self, most: int) -> int:
        async with self._database.plumbing() as connection:
            return await self._publish(connection, most)

    async def _publish(self, connection: psycopg.AsyncConnection[DictRow], most: int) -> int:
        cursor = await connection.execute(_TAKE, {"most": most})
        rows = await cursor.fetchall()
        for row in rows:
            failpoints.reach("relay.publish")
            await self._publisher.publish(row["topic"], TenantId(row["tenant_id"]), row["subject_id"])
        return len(rows)


async def _connected(conninfo: str) -> psycopg.AsyncConnection:
    """Connected, or not: a log-in that is cut off half-way keeps its place on the server for a minute."""
    connecting = asyncio.create_task(psycopg.AsyncConnection.connect(conninfo, autocommit=True))
    try:
        return await asyncio.shield(connecting)
    except asyncio.CancelledError:
        [connection] = await asyncio.gather(connecting, return_exceptions=True)
        if isinstance(connection, psycopg.AsyncConnection):
            await connection.close()
        raise
