"""The reaper: takes back agents whose worker is gone, publishes what was lost, ends waits, and forgets."""

from __future__ import annotations

import logging

from core.clock import Clock
from core.database import Database, queries
from core.errors import AgentFailed, StorageError
from core.events import Event
from core.ids import AgentId, TaskId, TenantId
from memory.forgetting import Retention
from orchestrator.engine.alarms import Alarms
from orchestrator.engine.apart import apart
from orchestrator.engine.closing import Closing, Outcome
from orchestrator.topics import ADVANCE, LEARN

SQL = queries.load(__file__, "reaper.sql")
log = logging.getLogger(__name__)

BATCH = 200


class Reaper:
    """Any number may run, in any process: each agent is taken back once, by fence."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        closing: Closing,
        alarms: Alarms,
        retention: Retention,
        *,
        sweep: float,
        republish: float,
        max_attempts: int,
    ) -> None:
        self._database = database
        self._clock = clock
        self._closing = closing
        self._alarms = alarms
        self._retention = retention
        self._sweep = sweep
        self._republish = republish
        self._max_attempts = max_attempts
        self._learn_after = 0.0

    async def run(self) -> None:
        """Until cancelled; outlives a Postgres that goes away for a while."""
        while True:
            try:
                await self.round()
            except StorageError as error:
                log.warning("reaper.interrupted", extra={"reason": error.message})
            await self._clock.sleep(self._sweep)

    async def round(self) -> int:
        """One look; returns how many agents were taken back."""
        async with self._database.plumbing() as connection:
            cursor = await connection.execute(SQL.expired, {"most": BATCH})
            expired = await cursor.fetchall()
        taken = 0
        for row in expired:
            with apart("reaper.agent_failed", agent=str(row["agent_id"])):
                taken += await self._reclaim(
                    TenantId(row["tenant_id"]), AgentId(row["agent_id"]), row["fence"]
                )
        async with self._database.plumbing() as connection:
            await connection.execute(SQL.republish, {"seconds": self._republish, "most": BATCH})
        await self._alarms.round()
        await self._remind_of_learning()
        await self._retention.round()
        return taken

    async def _remind_of_learning(self) -> None:
        """Seldom: a task that memory is taking in right now still counts as not taken in."""
        now = self._clock.monotonic()
        if now < self._learn_after:
            return
        self._learn_after = now + self._republish
        async with self._database.plumbing() as connection:
            cursor = await connection.execute(SQL.unlearned, {"seconds": self._republish, "most": BATCH})
            unlearned = await cursor.fetchall()
        for row in unlearned:
            async with self._database.unit_of_work(TenantId(row["tenant_id"])) as work:
                work.enqueue(LEARN, row["task_id"])

    async def _reclaim(self, tenant: TenantId, agent: AgentId, fence: int) -> bool:
        async with self._database.unit_of_work(tenant) as work:
            row = await work.fetch_one(SQL.reclaim, {"agent": agent, "fence": fence})
            if row is None:
                return False
            work.emit(
                Event(
                    task=TaskId(row["task_id"]),
                    agent=agent,
                    kind="agent.reclaimed",
                    data={"fence": row["fence"], "lost_turns": row["lost_turns"]},
                )
            )
            if row["lost_turns"] < self._max_attempts:
                work.enqueue(ADVANCE, agent)
                return True
        error = AgentFailed(f"its worker was lost {row['lost_turns']} times", code="worker_lost")
        await self._closing.give_up(
            tenant, TaskId(row["task_id"]), agent, row["fence"], Outcome.failed(error)
        )
        return True
