"""What time brings about: timers run out, and approvals nobody decided expire."""

from __future__ import annotations

from core.database import Database, queries
from core.ids import AgentId, ApprovalId, TenantId
from orchestrator.engine.apart import apart
from orchestrator.services.approvals import expire
from orchestrator.topics import ADVANCE

SQL = queries.load(__file__, "alarms.sql")

BATCH = 200


class Alarms:
    """Any number may look, in any process: each wait ends once."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def round(self) -> None:
        """One look."""
        async with self._database.plumbing() as connection:
            timers = await (await connection.execute(SQL.due_timers, {"most": BATCH})).fetchall()
            overdue = await (await connection.execute(SQL.expired_approvals, {"most": BATCH})).fetchall()
        for row in timers:
            with apart("alarms.timer_failed", agent=str(row["agent_id"])):
                await self._ring(TenantId(row["tenant_id"]), AgentId(row["agent_id"]))
        for row in overdue:
            with apart("alarms.approval_failed", approval=str(row["approval_id"])):
                async with self._database.unit_of_work(TenantId(row["tenant_id"])) as work:
                    await expire(work, ApprovalId(row["approval_id"]))

    async def _ring(self, tenant: TenantId, agent: AgentId) -> None:
        async with self._database.unit_of_work(tenant) as work:
            if await work.execute(SQL.ring, {"agent": agent}):
                work.enqueue(ADVANCE, agent)
