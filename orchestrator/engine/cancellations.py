"""Cancelled tasks, heard of at once: their turns in this process do not wait for the next lease round.

What is heard is only a reason to look; the leases say what was lost. So a message that does not arrive costs
no more than the time to that round.
"""

from __future__ import annotations

import asyncio
import logging
from uuid import UUID

import psycopg

from core.database import Database
from core.errors import StorageError
from core.ids import TaskId
from orchestrator.engine.relay import connected
from orchestrator.turns.lease import LeaseKeeper

log = logging.getLogger(__name__)

_LISTEN = b"LISTEN treehold_cancelled"


class Cancellations:
    """One a process that runs turns.

    Attributes:
        listening: set while what is cancelled is heard of.
    """

    def __init__(self, database: Database, leases: LeaseKeeper, *, sweep: float) -> None:
        self._database = database
        self._leases = leases
        self._sweep = sweep
        self.listening = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled; outlives a Postgres that goes away for a while."""
        while True:
            try:
                await self._listen()
            except (StorageError, psycopg.Error) as error:
                log.info("cancellations.interrupted", extra={"reason": str(error)})
            finally:
                self.listening.clear()
            await asyncio.sleep(self._sweep)

    async def _listen(self) -> None:
        async with await connected(self._database.conninfo) as connection:
            await connection.execute(_LISTEN)
            self.listening.set()
            async for notice in connection.notifies():
                try:
                    task = TaskId(UUID(notice.payload))
                except ValueError:
                    continue  # anybody with a log-in can notify
                if self._leases.works_on(task):
                    await self._leases.round()
