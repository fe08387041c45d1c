"""The vector index in Postgres, with pgvector: exact where few points match, HNSW where many do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from core.database import Database, Row, UnitOfWork, jsonb
from core.database.queries import load
from core.errors import ConfigurationError
from core.ids import TenantId
from memory.ports import Collection, Embedder, Hit, Point

SQL = load(__file__)

DIMENSIONS = 384
"""Of the column; another embedder's vectors need a migration."""

EXACT_POINTS = 5_000
"""Matching points up to which all are compared. HNSW walks the graph of all tenants and filters what it
meets: where few points match, it meets few of them."""

_BATCH = 500


class PgVectorIndex:
    """A `VectorIndex` in the application's own database; the database is its owner's to open and close."""

    def __init__(self, database: Database, embedder: Embedder, *, exact_points: int = EXACT_POINTS) -> None:
        self._database = database
        self._embedder = embedder
        self._exact_points = exact_points

    async def prepare(self) -> None:
        """The migrations made the table.

        Raises:
            ConfigurationError: the embedder's vectors do not fit it.
        """
        if self._embedder.dimensions != DIMENSIONS:
            raise ConfigurationError(
                f"pgvector holds vectors of {DIMENSIONS} numbers, the embedder {self._embedder.name} makes "
                f"{self._embedder.dimensions}; set TREEHOLD_VECTOR_INDEX=qdrant"
            )

    async def upsert(self, tenant: TenantId, collection: Collection, points: Sequence[Point]) -> None:
        """Add points, or replace those with the same id; the last of equal ids counts. All or none.

        Raises:
            StorageError: Postgres failed.
        """
        # In one order everywhere, so that two writers of the same points wait instead of deadlocking.
        distinct = sorted({point.id: point for point in points}.values(), key=lambda point: point.id)
        if not distinct:
            return
        async with self._database.unit_of_work(tenant) as work:
            for start in range(0, len(distinct), _BATCH):
                batch = distinct[start : start + _BATCH]
                params = self._about(tenant, collection) | {
                    "ids": [point.id for point in batch],
                    "vectors": [_literal(point.vector) for point in batch],
                    "payloads": [jsonb(dict(point.payload)) for point in batch],
                }
                await work.execute(SQL.upsert, params)

    async def search(
        self,
        tenant: TenantId,
        collection: Collection,
        vector: NDArray[np.float32],
        *,
        limit: int,
        where: Mapping[str, str] | None = None,
    ) -> list[Hit]:
        """See `VectorIndex.search`. Equally near points come by id.

        Raises:
            StorageError: Postgres failed.
        """
        if limit < 1:
            return []
        params = self._about(tenant, collection) | {
            "vector": _literal(vector),
            "where": jsonb(dict(where or {})),
            "limit": limit,
        }
        async with self._database.unit_of_work(tenant) as work:
            rows = await self._rows(work, params, limit)
        hits = [Hit(id=row["id"], similarity=row["similarity"], payload=row["payload"]) for row in rows]
        return sorted(hits, key=lambda hit: (-hit.similarity, hit.id))

    async def delete(self, tenant: TenantId, collection: Collection, ids: Sequence[UUID]) -> None:
        """Take points out; ids that are not there are passed over.

        Raises:
            StorageError: Postgres failed.
        """
        if ids:
            async with self._database.unit_of_work(tenant) as work:
                await work.execute(SQL.delete, self._about(tenant, collection) | {"ids": list(ids)})

    async def count(self, tenant: TenantId, collection: Collection) -> int:
        async with self._database.unit_of_work(tenant) as work:
            row = await work.fetch_one(SQL.count, self._about(tenant, collection))
        return row["points"] if row else 0

    async def close(self) -> None:
        """Nothing to do: it holds no connection of its own."""

    async def _rows(self, work: UnitOfWork, params: Row, limit: int) -> list[Row]:
        await work.fetch_one(SQL.tune, {"width": min(1_000, max(100, 2 * limit))})
        found = await work.fetch_one(SQL.matching, params | {"most": self._exact_points + 1})
        if found and found["points"] > self._exact_points:
            rows = await work.fetch_all(SQL.nearest, params)
            # An iterative scan gives up after hnsw.max_scan_tuples points of others.
            if len(rows) >= min(limit, found["points"]):
                return rows
        return await work.fetch_all(SQL.exact, params)

    def _about(self, tenant: TenantId, collection: Collection) -> Row:
        return {"tenant": tenant, "collection": collection, "embedder": self._embedder.name}


def _literal(vector: NDArray[np.float32]) -> str:
    """As pgvector reads it; float32 comes back bit for bit."""
    return f"[{','.join(map(str, vector.tolist()))}]"
