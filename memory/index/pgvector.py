"""The index in Postgres."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from uuid import UUID

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import TypeAdapter

from core.database import Database, Row, UnitOfWork, jsonb, queries
from core.errors import ConfigurationError
from core.ids import TenantId
from core.scopes import EVERY
from memory.index.fusion import DEPTH, Candidate, Scale, lifted, nearest, neighbourhood, scored
from memory.index.points import batches, checked, digest_of
from memory.index.weights import TERMS, Weights, counts_of, weights_of
from memory.ports import Collection, Embedder, Hit, Point, Where

SQL = queries.load(__file__)

GRAPH_DIMENSIONS = (384, 768, 1024, 1536)
"""The lengths of vector that the migration made graphs for. Vectors of others are compared one by one."""

MOST_DIMENSIONS = 1_900
"""More do not fit in a row."""

EXACT_POINTS = 5_000
"""Up to here a search compares every point, which costs no more than walking the graph and misses none."""

SCANNED_POINTS = 20_000
"""How far the graph is walked past other tenants' points before the search turns to comparing every point."""

WORDED_POINTS = 2_000
"""About how many records with a rare word of the question are looked at."""

MIN_BREADTH, MAX_BREADTH = 100, 1_000
"""Candidates kept while walking the graph: some more than the hits asked for. pgvector allows 1,000."""

KNOWN_LARGE = 1_024
"""Searches remembered to be about many points."""

BATCH = 256

DROPPED = 5_000
"""Points of an old generation that are removed in one transaction: each looks through the whole table."""

_CANDIDATES = TypeAdapter(list[Candidate])


class PgVectorIndex:
    """One table. Few matching points are compared one by one; many are found by a graph and by their words.

    Args:
        database: whose row-level security binds every search to its tenant.
        embedder: whose vectors are kept.
        generation: tells apart indexes that were made with the same embedder.
        exact_points: matching points up to which all are compared.
    """

    def __init__(
        self,
        database: Database,
        embedder: Embedder,
        *,
        generation: int = 1,
        exact_points: int = EXACT_POINTS,
    ) -> None:
        self._database = database
        self._embedder = embedder
        self._generation = f"{embedder.name}#{generation}"
        self._exact_points = exact_points
        self._large: set[tuple[object, ...]] = set()

    async def prepare(self) -> None:
        """The table comes with the migrations; this sees that pgvector can search as it must.

        Raises:
            ConfigurationError: pgvector is too old, or the embedder's vectors are too long.
        """
        if self._embedder.dimensions > MOST_DIMENSIONS:
            raise ConfigurationError(
                f"{self._embedder.name} makes vectors of {self._embedder.dimensions} dimensions; pgvector "
                f"takes {MOST_DIMENSIONS} at most: choose another, or TREEHOLD_VECTOR_INDEX=qdrant"
            )
        async with self._database.plumbing() as connection:
            row = await (await connection.execute(SQL.extension_version)).fetchone()
        version = str(row["version"]) if row else "0"
        if tuple(int(part) for part in version.split(".")[:2]) < (0, 8):
            raise ConfigurationError(f"pgvector {version} cannot filter a graph search: update it to 0.8")

    async def upsert(self, tenant: TenantId, collection: Collection, points: Sequence[Point]) -> None:
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            key = self._key(work, collection)
            await work.execute(SQL.lock, key)
            for batch in batches(points, BATCH):
                weights = [weights_of(tenant, collection, point.text) for point in batch]
                row = {
                    **key,
                    "ids": [point.id for point in batch],
                    "vectors": [self._text(point.vector) for point in batch],
                    "payloads": [jsonb(dict(point.payload)) for point in batch],
                    "terms": [_array(one) for one in weights],
                    "weights": [_sparse(one) for one in weights],
                    "digests": [digest_of(point.text, point.payload) for point in batch],
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
            asked = {
                **self._key(work, collection),
                "vector": self._text(vector),
                **_filter(where or {}),
                "limit": limit if text is None else max(limit, DEPTH),
            }
            asked |= await self._tuned(work, asked, counts_of(tenant, collection, text or ""))
            candidates = await self._candidates(work, asked)
            scale = Scale.of(candidates)
            hits = scored(candidates, scale)
            if text is not None and (places := neighbourhood(hits)):
                threads, positions = zip(*places, strict=True)
                beside = {**asked, "threads": list(threads), "positions": list(positions)}
                found = _CANDIDATES.validate_python(await work.fetch_all(SQL.neighbours, beside))
                hits |= scored(found, scale)
        if text is None:
            return nearest(candidates, limit)
        return lifted(hits, limit)

    async def delete(self, tenant: TenantId, collection: Collection, ids: Sequence[UUID]) -> None:
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            key = self._key(work, collection)
            await work.execute(SQL.lock, key)
            await work.execute(SQL.delete, {**key, "ids": list(ids)})

    async def count(self, tenant: TenantId, collection: Collection) -> int:
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            row = await work.fetch_one(SQL.count, self._key(work, collection))
        assert row is not None
        return int(row["points"])

    async def digests(
        self, tenant: TenantId, collection: Collection, ids: Sequence[UUID]
    ) -> Mapping[UUID, str]:
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            rows = await work.fetch_all(SQL.digests, {**self._key(work, collection), "ids": list(ids)})
        return {row["id"]: row["digest"] for row in rows}

    async def pages(self, tenant: TenantId, collection: Collection) -> AsyncIterator[Sequence[UUID]]:
        last = UUID(int=0)
        while True:
            async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
                asked = {**self._key(work, collection), "last": last, "most": BATCH}
                ids = [row["id"] for row in await work.fetch_all(SQL.listed, asked)]
            if not ids:
                return
            yield ids
            last = ids[-1]

    async def destroy(self) -> None:
        asked = {"generation": self._generation, "most": DROPPED}
        while row := await self._database.call(SQL.destroy, asked):
            if not row["dropped"]:
                return

    async def close(self) -> None:
        """Nothing is held: the pool belongs to the platform."""

    def _key(self, work: UnitOfWork, collection: Collection) -> Row:
        return {"tenant": work.tenant, "collection": collection, "generation": self._generation}

    def _text(self, vector: NDArray[np.float32]) -> str:
        """As pgvector reads it."""
        fitting = checked(vector, self._embedder.dimensions)
        return orjson.dumps(fitting, option=orjson.OPT_SERIALIZE_NUMPY).decode()

    async def _tuned(self, work: UnitOfWork, asked: Row, counts: Weights) -> Row:
        """Prepare the transaction; the words of the question as they are asked for."""
        terms = {"terms": list(counts), "counts": list(counts.values())}
        breadth = min(max(MIN_BREADTH, asked["limit"] + asked["limit"] // 4), MAX_BREADTH)
        row = await work.fetch_one(
            SQL.tune, {**asked, **terms, "breadth": breadth, "scanned": SCANNED_POINTS}
        )
        assert row is not None
        return {"terms": terms["terms"], "asked": row["asked"], "candidates": WORDED_POINTS}

    async def _candidates(self, work: UnitOfWork, asked: Row) -> list[Candidate]:
        rows: list[Row] = []
        if await self._many(work, asked):
            rows = await work.fetch_all(_over_graph(self._embedder.dimensions), asked)
        if not rows or rows[0]["near"] < asked["limit"]:
            # Few points match, or the walk of the graph ended among those of others.
            rows = await work.fetch_all(SQL.search_exactly, asked)
        return _CANDIDATES.validate_python([{name: row[name] for name in _FIELDS} for row in rows])

    async def _many(self, work: UnitOfWork, asked: Row) -> bool:
        """Whether too many points match to compare them all; once they do, that is taken for granted.

        Should they have become few, the walk of the graph finds too few, and all are compared in the end.
        """
        if self._embedder.dimensions not in GRAPH_DIMENSIONS:
            return False
        about = (work.tenant, asked["collection"], str(asked["scopes"]), asked["where"])
        if about in self._large:
            return True
        row = await work.fetch_one(SQL.matching, {**asked, "most": self._exact_points + 1})
        assert row is not None
        large = int(row["points"]) > self._exact_points
        if large and len(self._large) >= KNOWN_LARGE:
            self._large.clear()
        if large:
            self._large.add(about)
        return large


_FIELDS = ("id", "payload", "similarity", "words")


def _over_graph(dimensions: int) -> bytes:
    """The search of one graph: its length must be written out for Postgres to see that the index serves."""
    return SQL.search_graph.replace(b"384", str(dimensions).encode())


def _filter(where: Where) -> Row:
    """The scopes, for which there is an index, and the allowed values of all else a payload must equal."""
    allowed = {key: [value] if isinstance(value, str) else list(value) for key, value in where.items()}
    scopes = allowed.pop("scope", None)
    return {"scopes": scopes and orjson.loads(jsonb(scopes)), "where": jsonb(allowed)}


def _array(weights: Weights) -> str:
    return "{" + ",".join(map(str, weights)) + "}"


def _sparse(weights: Weights) -> str:
    return "{" + ",".join(f"{term}:{weight}" for term, weight in weights.items()) + f"}}/{TERMS}"
