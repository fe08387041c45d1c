"""How Postgres searches: which index it takes under row-level security, and what happens where that fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import pytest
from psycopg import AsyncConnection

from core.database import Database, UnitOfWork
from core.errors import StorageError
from core.ids import TenantId
from core.scopes import EVERY
from memory.index import PgVectorIndex, pgvector
from memory.ports import Point, Vectors


@dataclass(frozen=True)
class SizedEmbedder:
    dimensions: int = 384
    name: str = "sized"

    async def embed(self, texts: Sequence[str]) -> Vectors:
        raise AssertionError(f"an index was made to embed {len(texts)} texts")


def towards(place: int, spread: float, count: int, dimensions: int = 384) -> Vectors:
    """Unit vectors around one axis."""
    vectors = np.random.default_rng(place).standard_normal((count, dimensions)).astype(np.float32)
    vectors *= np.float32(spread / np.sqrt(dimensions))
    vectors[:, place] += 1
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def points(vectors: Vectors, scope: str, first: int = 0) -> list[Point]:
    return [
        Point(id=UUID(int=first + row), vector=vector, payload={"scope": scope, "origin": f"user {row % 3}"})
        for row, vector in enumerate(vectors)
    ]


async def plan(work: UnitOfWork, query: bytes, scopes: list[str] | None) -> str:
    """The plan of one search, as the application role."""
    params = {
        "tenant": work.tenant,
        "collection": "episode",
        "generation": "sized#1",
        "vector": str(towards(0, 0, 1)[0].tolist()),
        "scopes": scopes,
        "where": "{}",
        "asked": None,
        "terms": [],
        "candidates": 100,
        "limit": 5,
        "most": 100,
        "threads": ["t"],
        "positions": [3],
    }
    rows = await work.fetch_all(b"EXPLAIN " + query, params)
    return "\n".join(row["QUERY PLAN"] for row in rows)


async def test_each_kind_of_search_takes_its_index(
    database: Database, admin: AsyncConnection, tenant: TenantId
) -> None:
    index = PgVectorIndex(database, SizedEmbedder())
    await index.upsert(tenant, "episode", points(towards(0, 1, 1_500), "crowd"))
    await index.upsert(tenant, "episode", points(towards(1, 1, 5), "rare", 5_000))
    await admin.execute("VACUUM ANALYZE vector_point")
    async with database.unit_of_work(tenant, scopes=EVERY) as work:
        graph = await plan(work, pgvector.SQL.search_graph, None)
        rare = await plan(work, pgvector.SQL.search_exactly, ["rare"])
        counted = await plan(work, pgvector.SQL.matching, ["rare"])
        beside = await plan(work, pgvector.SQL.neighbours, None)
    assert "Index Scan using vector_point_nearest_384_episode" in graph
    assert "vector_point_thread" in beside
    assert "vector_point_scope" in rare
    assert "Index Only Scan using vector_point_scope" in counted


async def test_a_walk_that_ends_among_other_tenants_points_is_made_up_for(
    database: Database, tenant: TenantId, other_tenant: TenantId, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pgvector, "SCANNED_POINTS", 1)
    index = PgVectorIndex(database, SizedEmbedder(), exact_points=0)
    await index.upsert(other_tenant, "episode", points(towards(0, 0.1, 600), "crowd"))
    await index.upsert(tenant, "episode", points(towards(1, 0.1, 7), "crowd"))
    hits = await index.search(tenant, "episode", towards(0, 0, 1)[0], limit=7)
    assert {hit.id for hit in hits} == {UUID(int=row) for row in range(7)}


async def test_a_hostile_filter_costs_no_recall(database: Database, tenant: TenantId) -> None:
    """The nearest are all of another scope; so many are left that the graph is walked for them."""
    index = PgVectorIndex(database, SizedEmbedder(), exact_points=200)
    left = towards(1, 1, 500)
    await index.upsert(tenant, "episode", points(towards(0, 0.1, 1_500), "crowd"))
    await index.upsert(tenant, "episode", points(left, "left", 5_000))
    found = 0
    for query in towards(0, 0.3, 10):
        hits = await index.search(tenant, "episode", query, limit=10, where={"scope": "left"})
        best = np.argsort(-(left @ query))[:10]
        found += len({hit.id for hit in hits} & {UUID(int=5_000 + int(row)) for row in best})
    assert found >= 95


async def test_the_scope_and_other_keys_are_asked_for_together(database: Database, tenant: TenantId) -> None:
    index = PgVectorIndex(database, SizedEmbedder())
    await index.upsert(
        tenant, "episode", [*points(towards(0, 1, 6), "a"), *points(towards(0, 1, 6), "b", 10)]
    )
    hits = await index.search(
        tenant, "episode", towards(0, 0, 1)[0], limit=9, where={"scope": "b", "origin": "user 2"}
    )
    assert {hit.id for hit in hits} == {UUID(int=12), UUID(int=15)}


async def test_vectors_of_another_length_are_searched_without_the_graph(
    database: Database, tenant: TenantId
) -> None:
    index = PgVectorIndex(database, SizedEmbedder(dimensions=8), exact_points=0)
    await index.upsert(tenant, "episode", points(towards(2, 1, 20, dimensions=8), "a"))
    hits = await index.search(tenant, "episode", towards(2, 0, 1, dimensions=8)[0], limit=3)
    assert len(hits) == 3
    assert hits[0].similarity >= hits[1].similarity >= hits[2].similarity


async def test_the_table_shows_a_tenant_only_its_own_rows(
    database: Database, tenant: TenantId, other_tenant: TenantId
) -> None:
    await PgVectorIndex(database, SizedEmbedder()).upsert(tenant, "episode", points(towards(0, 1, 3), "a"))
    async with database.unit_of_work(other_tenant, scopes=EVERY) as work:
        assert await work.fetch_all(b"SELECT id FROM vector_point") == []
        assert await work.execute(b"DELETE FROM vector_point") == 0


async def test_a_closed_database_is_a_storage_error(database: Database, tenant: TenantId) -> None:
    index = PgVectorIndex(database, SizedEmbedder())
    await database.close()
    with pytest.raises(StorageError):
        await index.search(tenant, "episode", towards(0, 0, 1)[0], limit=3)
