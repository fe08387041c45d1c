"""Leases: who may write for an agent, and for how long (law 4)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from core.clock import Clock
from core.database import Database, UnitOfWork, queries
from core.errors import StorageError
from core.ids import AgentId, TaskId, TenantId
from core.signals import LeaseLost

SQL = queries.load(__file__, "lease.sql")
log = logging.getLogger(__name__)

_TRIES = 5
_LOCKED_SECONDS = 0.02


@dataclass(frozen=True, kw_only=True)
class Lease:
    tenant: TenantId
    task: TaskId
    agent: AgentId
    fence: int


@asynccontextmanager
async def fenced(database: Database, lease: Lease) -> AsyncGenerator[UnitOfWork]:
    """A unit of work only the lease's holder can commit. Raises `LeaseLost` before anything is written."""
    async with database.unit_of_work(lease.tenant) as work:
        await hold(work, lease)
        yield work


async def hold(work: UnitOfWork, lease: Lease) -> None:
    """Keep the lease until the unit of work is over. Raises `LeaseLost` where it is gone."""
    held = await work.fetch_one(SQL.hold, {"agent": lease.agent, "fence": lease.fence})
    if held is None or not held["held"]:
        raise LeaseLost(lease.agent)


class LeaseKeeper:
    """Extends the leases of this process's turns with one query a round, and stops turns that lost theirs."""

    def __init__(self, database: Database, clock: Clock, *, owner: str, seconds: float) -> None:
        self.owner = owner
        self.seconds = seconds
        self._database = database
        self._clock = clock
        self._held: dict[AgentId, tuple[Lease, asyncio.Task[None]]] = {}

    @asynccontextmanager
    async def holding(self, lease: Lease, turn: asyncio.Task[None]) -> AsyncGenerator[None]:
        """Hold it for a turn. An earlier turn of the agent in this process has lost its lease, and ends."""
        if (earlier := self._held.get(lease.agent)) is not None:
            earlier[1].cancel(str(LeaseLost(lease.agent)))
        self._held[lease.agent] = (lease, turn)
        try:
            yield
        finally:
            if self._held.get(lease.agent) == (lease, turn):
                del self._held[lease.agent]

    @property
    def held(self) -> int:
        return len(self._held)

    def works_on(self, task: TaskId) -> bool:
        """Whether a turn of the task runs in this process."""
        return any(lease.task == task for lease, _ in self._held.values())

    async def run(self) -> None:
        """Until cancelled: a round each second, or oftener where leases are shorter."""
        while True:
            await self._clock.sleep(min(1.0, self.seconds / 4))
            try:
                await self.round()
            except StorageError as error:
                log.warning("lease.extend_failed", extra={"reason": error.message})

    async def round(self) -> None:
        """Extend each lease, trying those again that a transaction of their own turn has locked."""
        held = dict(self._held)
        tries = 0
        while held and tries < _TRIES:
            tries += 1
            found = await self._extend([lease for lease, _ in held.values()])
            for agent, (lease, turn) in held.items():
                if agent not in found and self._held.get(agent) == (lease, turn):
                    turn.cancel(str(LeaseLost(agent)))
            held = {agent: held[agent] for agent, extended in found.items() if not extended}
            if held:
                await self._clock.sleep(_LOCKED_SECONDS)

    async def _extend(self, leases: Sequence[Lease]) -> dict[AgentId, bool]:
        """The agents still held here, and whether each has most of its lease before it."""
        async with self._database.plumbing() as connection:
            cursor = await connection.execute(
                SQL.extend,
                {
                    "owner": self.owner,
                    "agents": [lease.agent for lease in leases],
                    "fences": [lease.fence for lease in leases],
                    "seconds": self.seconds,
                },
            )
            return {AgentId(row["agent_id"]): row["extended"] for row in await cursor.fetchall()}
