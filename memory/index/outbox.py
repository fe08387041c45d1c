"""What tells the indexer that records changed."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from core.database import UnitOfWork, queries
from memory.ports import Collection

SQL = queries.load(__file__, "outbox.sql")


async def mark_changed(work: UnitOfWork, collection: Collection, ids: Sequence[UUID]) -> None:
    """Have the index take in records as their rows will be: in the transaction that writes or deletes them.

    Once it is committed, an indexer brings the index up to date; marking a record twice does no harm.
    """
    if ids:
        row = {"tenant": work.tenant, "collection": collection, "records": list(ids)}
        await work.execute(SQL.mark_changed, row)
