"""Admission: a queue past its bound takes no more tasks, and says when to come back."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from core.database import Database, Row, queries
from core.errors import QueueFull
from core.ids import TenantId

SQL = queries.load(__file__, "admission.sql")

LONGEST_SECONDS = 3600
UNMEASURED_SECONDS = 60
"""What is said where no task has ended for a minute."""


@dataclass(frozen=True, kw_only=True)
class Admission:
    """Bounds on unfinished tasks: of one tenant, unless its share says otherwise, and of all together.

    Submissions that come at the same moment are not counted against one another, so that no tenant's waits
    for another's: as many as there are of these, the bound can be passed by.
    """

    database: Database
    of_tenant: int
    of_all: int

    async def check(self, tenant: TenantId) -> None:
        """Raises `QueueFull` where one more task is too many."""
        asked = {"tenant": tenant, "of_tenant": self.of_tenant, "of_all": self.of_all}
        refused = await self.database.call(SQL.refuse, asked)
        if refused is not None:
            raise _queue_full(refused)


def _queue_full(refused: Row) -> QueueFull:
    over, seconds = refused["open"] - refused["bound"] + 1, refused["seconds"]
    wait = UNMEASURED_SECONDS if seconds is None else ceil(float(seconds) * over)
    wait = min(max(wait, 1), LONGEST_SECONDS)
    whose = "of yours " if refused["scope"] == "tenant" else ""
    return QueueFull(
        f"the queue is full: {refused['open']:,} tasks {whose}are not finished, and {refused['bound']:,} may "
        f"be; as fast as they end now, there will be room in about {wait:,} s",
        retry_after=float(wait),
    )
