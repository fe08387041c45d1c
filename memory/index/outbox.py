"""What tells the indexer that records changed."""

from __future__ import annotations

from collections.abc import Collection as Group
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from core.database import Database, UnitOfWork, queries
from core.ids import TenantId
from memory.ports import Collection

SQL = queries.load(__file__, "outbox.sql")

HOLD_SECONDS = 60.0
"""How long an indexer has for what it took; then another may take it."""

LONGEST_SECONDS = 300.0
"""Until what failed again and again is tried once more."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change that was taken; `tries` is how often it was, and who took it last holds it."""

    tenant: TenantId
    id: int
    collection: Collection
    record: UUID
    tries: int


async def mark_changed(work: UnitOfWork, collection: Collection, ids: Sequence[UUID]) -> None:
    """Have the index take in records as their rows will be: in the transaction that writes or deletes them.

    Once it is committed, an indexer brings the index up to date; marking a record twice does no harm.
    """
    if ids:
        row = {"tenant": work.tenant, "collection": collection, "records": list(ids)}
        await work.execute(SQL.mark_changed, row)


async def take(
    database: Database, tenant: TenantId | None, collections: Group[Collection], most: int
) -> list[Change]:
    """The oldest changes that nobody holds, of one tenant and one collection."""
    asked = {
        "tenant": tenant,
        "collections": list(collections),
        "most": most,
        "seconds": HOLD_SECONDS,
    }
    async with database.plumbing() as connection:
        rows = await (await connection.execute(SQL.take, asked)).fetchall()
    return [
        Change(
            tenant=TenantId(row["tenant_id"]),
            id=row["id"],
            collection=row["collection"],
            record=row["record_id"],
            tries=row["tries"],
        )
        for row in rows
    ]


async def settle(database: Database, taken: Sequence[Change]) -> None:
    """They are done. What was held too long was perhaps done by another before, and is done once more."""
    async with database.unit_of_work(taken[0].tenant) as work:
        rows = await work.fetch_all(SQL.settle, _row(work, taken))
        mine = {row["id"] for row in rows}
        lost = [change.record for change in taken if change.id not in mine]
        await mark_changed(work, taken[0].collection, lost)


async def put_back(database: Database, taken: Sequence[Change]) -> None:
    """They failed: to be taken again after a while, longer each time."""
    async with database.unit_of_work(taken[0].tenant) as work:
        await work.execute(SQL.put_back, {**_row(work, taken), "longest": LONGEST_SECONDS})


async def waiting(work: UnitOfWork, *, tries: int = 1 << 30) -> int:
    """Changes of the tenant that the index has not taken in, without those that were tried so often."""
    row = await work.fetch_one(SQL.waiting, {"tenant": work.tenant, "tries": tries})
    assert row is not None
    return int(row["changes"])


def _row(work: UnitOfWork, taken: Sequence[Change]) -> dict[str, object]:
    return {
        "tenant": work.tenant,
        "ids": [change.id for change in taken],
        "tries": [change.tries for change in taken],
    }
