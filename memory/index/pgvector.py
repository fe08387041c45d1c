"""The vector index in Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import TypeAdapter

from core.database import Database, Row, UnitOfWork, jsonb, queries
from core.errors import ConfigurationError
from core.ids import TenantId
from core.scopes import EVERY
from memory.index.points import batches, checked
from memory.ports import Collection, Embedder, Hit, Point, Where

SQL = queries.load(__file__)

GRAPH_DIMENSIONS = 384
"""The length of vector that the migration made a graph for."""

EXACT_POINTS = 5_000
"""Up to here a search compares every point, which costs no more than walking the graph and misses none."""

SCANNED_POINTS = 20_000
"""How far the graph is walked past other tenants' points before the search turns to comparing every point."""

MIN_BREADTH, MAX_BREADTH = 100, 1_000
"""Candidates kept while walking the graph: at least twice the hits asked for. pgvector allows 1,000."""

BATCH = 256

_HITS = TypeAdapter(list[Hit])


class PgVectorIndex:
    """One table, cosine. Few matching points are compared one by one; many are searched by the HNSW graph.

    Args:
        database: whose row-level security binds every search to its tenant.
        embedder: whose vectors are kept.
        exact_points: matching points up to which all are compared.
    """

    def __init__(self, database: Database, embedder: Embedder, *, exact_points: int = EXACT_POINTS) -> None:
        self._database = database
        self._embedder = embedder
        self._exact_points = exact_points

    async def prepare(self) -> None:
        """The table comes with the migrations; this sees that pgvector can search as it must.

        Raises:
            ConfigurationError: pgvector is too old.
        """
        async with self._database.plumbing() as connection:
            row = await (await connection.execute(SQL.extension_version)).fetchone()
        version = str(row["version"]) if row else "0"
        if tuple(int(part) for part in version.split(".")[:2]) < (0, 8):
            raise ConfigurationError(f"pgvector {version} cannot filter a graph search: update it to 0.8")

    async def upsert(self, tenant: TenantId, collection: Collection, points: Sequence[Point]) -> None:
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            for batch in batches(points, BATCH):
                row = {
                    **self._key(work, collection),
                    "ids": [point.id for point in batch],
                    "vectors": [self._text(point.vector) for point in batch],
                    "payloads": [jsonb(dict(point.payload)) for point in batch],
                }
                await work.execute(SQL.upsert, row)

    async def search(
        self,
        tenant: TenantId,
        collection: Collection,
        vector: NDArray[np.float32],
        *,
        text: str | None = None,
        limit: int,
        where: Where | None = None,
    ) -> list[Hit]:
        if limit < 1:
            return []
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            wanted = {
                **self._key(work, collection),
                "vector": self._text(vector),
                **_filter(where or {}),
                "limit": limit,
            }
            breadth = min(max(MIN_BREADTH, 2 * limit), MAX_BREADTH)
            await work.execute(SQL.tune, {"breadth": breadth, "most": SCANNED_POINTS})
            rows: list[Row] = []
            if await self._many(work, wanted):
                rows = await work.fetch_all(SQL.search_graph, wanted)
            if len(rows) < limit:
                # Few points match, or the walk of the graph ended among those of others.
                rows = await work.fetch_all(SQL.search_exactly, wanted)
        return _HITS.validate_python([{**row, "score": row["similarity"]} for row in rows])

    async def delete(self, tenant: TenantId, collection: Collection, ids: Sequence[UUID]) -> None:
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            await work.execute(SQL.delete, {**self._key(work, collection), "ids": list(ids)})

    async def count(self, tenant: TenantId, collection: Collection) -> int:
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            row = await work.fetch_one(SQL.count, self._key(work, collection))
        assert row is not None
        return int(row["points"])

    async def present(self, tenant: TenantId, collection: Collection, ids: Sequence[UUID]) -> frozenset[UUID]:
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            rows = await work.fetch_all(SQL.present, {**self._key(work, collection), "ids": list(ids)})
        return frozenset(row["id"] for row in rows)

    async def close(self) -> None:
        """Nothing is held: the pool belongs to the platform."""

    def _key(self, work: UnitOfWork, collection: Collection) -> Row:
        return {"tenant": work.tenant, "collection": collection, "embedder": self._embedder.name}

    def _text(self, vector: NDArray[np.float32]) -> str:
        """As pgvector reads it."""
        fitting = checked(vector, self._embedder.dimensions)
        return orjson.dumps(fitting, option=orjson.OPT_SERIALIZE_NUMPY).decode()

    async def _many(self, work: UnitOfWork, wanted: Row) -> bool:
        """Whether too many points match to compare them all."""
        if self._embedder.dimensions != GRAPH_DIMENSIONS:
            return False
        row = await work.fetch_one(SQL.matching, {**wanted, "most": self._exact_points + 1})
        assert row is not None
        return int(row["points"]) > self._exact_points


def _filter(where: Where) -> Row:
    """The scopes, for which there is an index, and the allowed values of all else a payload must equal."""
    allowed = {key: [value] if isinstance(value, str) else list(value) for key, value in where.items()}
    scopes = allowed.pop("scope", None)
    return {"scopes": scopes and orjson.loads(jsonb(scopes)), "where": jsonb(allowed)}
