"""Retention: records are forgotten when their time is over, a bounded number at a time."""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

from core.clock import Clock
from core.database import Database, queries
from core.ids import TenantId
from memory.forgetting.service import Forgetting
from memory.guard.model import RecordKind

SQL = queries.load(__file__)

BATCH = 200
"""Records one look forgets at most."""

PAUSE_SECONDS = 60.0
"""Between two looks, where the first left nothing over."""


class Retention:
    """Any number may run: a record is forgotten once. Without `days`, only notes given a date expire."""

    def __init__(self, database: Database, clock: Clock, forgetting: Forgetting, *, days: int | None) -> None:
        self._database = database
        self._clock = clock
        self._forgetting = forgetting
        self._days = days
        self._next = 0.0

    async def round(self) -> int:
        """One look, if it is time for one; returns how many records were over."""
        now = self._clock.monotonic()
        if now < self._next:
            return 0
        self._next = now + PAUSE_SECONDS
        async with self._database.plumbing() as connection:
            cursor = await connection.execute(SQL.expired, {"days": self._days, "most": BATCH})
            rows = await cursor.fetchall()
        over: dict[TenantId, dict[RecordKind, list[UUID]]] = defaultdict(lambda: defaultdict(list))
        for row in rows:
            over[TenantId(row["tenant_id"])][row["kind"]].append(row["id"])
        for tenant, expired in over.items():
            await self._forgetting.expire(tenant, expired)
        if len(rows) == BATCH:
            self._next = now
        return len(rows)
