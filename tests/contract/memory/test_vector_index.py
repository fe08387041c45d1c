"""What every vector index must do, over every adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

from core.database import Database
from core.ids import TenantId
from memory.index import PgVectorIndex, QdrantIndex
from memory.ports import Point, VectorIndex, Vectors

Vector = NDArray[np.float32]

EXACT_POINTS = 50
"""Few, so that the suite reaches pgvector's HNSW index too."""


@dataclass
class RenamedEmbedder:
    """Stands for one embedder, then for another; an index gives it no texts."""

    name: str = "MiniLM 1"
    dimensions: int = 384

    async def embed(self, texts: Sequence[str]) -> Vectors:
        raise AssertionError(f"an index was made to embed {len(texts)} texts")


@pytest.fixture
def embedder() -> RenamedEmbedder:
    return RenamedEmbedder()


@pytest.fixture(params=["pgvector", "qdrant"])
async def index(
    request: pytest.FixtureRequest, database: Database, embedder: RenamedEmbedder
) -> AsyncGenerator[VectorIndex]:
    opened: VectorIndex
    if request.param == "pgvector":
        opened = PgVectorIndex(database, embedder, exact_points=EXACT_POINTS)
    else:
        opened = QdrantIndex(":memory:", None, embedder)
    await opened.prepare()
    yield opened
    await opened.close()


EAST: Vector = np.eye(384, dtype=np.float32)[0]
NORTH: Vector = np.eye(384, dtype=np.float32)[1]


def turned(degrees: float) -> Vector:
    """A unit vector so far from EAST towards NORTH."""
    angle = np.radians(degrees)
    return (np.cos(angle) * EAST + np.sin(angle) * NORTH).astype(np.float32)


def point(degrees: float = 0, **payload: str) -> Point:
    return Point(id=uuid4(), vector=turned(degrees), payload=payload)


def random_units(count: int, seed: int) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((count, 384)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


async def test_the_nearest_come_first_with_their_cosine(index: VectorIndex, tenant: TenantId) -> None:
    far, near, opposite = point(80), point(10), point(180)
    await index.upsert(tenant, "episode", [far, opposite, near])
    hits = await index.search(tenant, "episode", EAST, limit=3)
    assert [hit.id for hit in hits] == [near.id, far.id, opposite.id]
    expected = np.cos(np.radians([10, 80, 180]))
    assert [hit.similarity for hit in hits] == pytest.approx(expected, abs=1e-5)


async def test_equally_near_points_come_in_one_order(index: VectorIndex, tenant: TenantId) -> None:
    points = [point(30) for _ in range(6)]
    await index.upsert(tenant, "episode", points)
    hits = await index.search(tenant, "episode", EAST, limit=6)
    assert [hit.id for hit in hits] == sorted(one.id for one in points)


async def test_no_more_than_the_limit_come(index: VectorIndex, tenant: TenantId) -> None:
    points = [point(degrees) for degrees in range(5)]
    await index.upsert(tenant, "episode", points)
    assert [hit.id for hit in await index.search(tenant, "episode", EAST, limit=2)] == [
        points[0].id,
        points[1].id,
    ]
    assert await index.search(tenant, "episode", EAST, limit=0) == []
    assert len(await index.search(tenant, "episode", EAST, limit=1_000)) == 5


async def test_an_empty_index_finds_nothing(index: VectorIndex, tenant: TenantId) -> None:
    await index.upsert(tenant, "episode", [])
    await index.delete(tenant, "episode", [])
    assert await index.search(tenant, "episode", EAST, limit=5) == []
    assert await index.count(tenant, "episode") == 0


async def test_an_upsert_replaces_vector_and_payload(index: VectorIndex, tenant: TenantId) -> None:
    old = point(0, scope="a", origin="ann")
    await index.upsert(tenant, "episode", [old])
    await index.upsert(tenant, "episode", [replace(old, vector=turned(60), payload={"scope": "b"})])
    (hit,) = await index.search(tenant, "episode", EAST, limit=5)
    assert hit.similarity == pytest.approx(0.5, abs=1e-5)
    assert hit.payload == {"scope": "b"}
    assert await index.search(tenant, "episode", EAST, limit=5, where={"scope": "a"}) == []


async def test_a_repeated_upsert_changes_nothing(index: VectorIndex, tenant: TenantId) -> None:
    points = [point(degrees, scope="a") for degrees in range(4)]
    await index.upsert(tenant, "episode", points)
    before = await index.search(tenant, "episode", EAST, limit=9)
    await index.upsert(tenant, "episode", points[::-1])
    assert await index.search(tenant, "episode", EAST, limit=9) == before
    assert await index.count(tenant, "episode") == 4


async def test_the_last_of_equal_ids_in_one_upsert_counts(index: VectorIndex, tenant: TenantId) -> None:
    first = point(0, scope="a")
    await index.upsert(tenant, "episode", [first, replace(first, payload={"scope": "b"})])
    (hit,) = await index.search(tenant, "episode", EAST, limit=5)
    assert hit.payload == {"scope": "b"}


async def test_where_must_hold_in_every_key(index: VectorIndex, tenant: TenantId) -> None:
    right = point(50, scope="a", origin="ann", outcome="done")
    others = [point(1, scope="a", origin="bob"), point(2, scope="b", origin="ann"), point(3)]
    await index.upsert(tenant, "episode", [right, *others])
    both = {"scope": "a", "origin": "ann"}
    assert [hit.id for hit in await index.search(tenant, "episode", EAST, limit=9, where=both)] == [right.id]
    by_origin = await index.search(tenant, "episode", EAST, limit=9, where={"origin": "ann"})
    assert [hit.id for hit in by_origin] == [others[1].id, right.id]
    assert await index.search(tenant, "episode", EAST, limit=9, where={"absent": "a"}) == []
    assert len(await index.search(tenant, "episode", EAST, limit=9, where={})) == 4


async def test_where_compares_whole_values(index: VectorIndex, tenant: TenantId) -> None:
    await index.upsert(tenant, "episode", [point(0, scope="team")])
    for other in ("tea", "teams", "Team", "team ", "%", "", '"team"'):
        assert await index.search(tenant, "episode", EAST, limit=9, where={"scope": other}) == []


@pytest.mark.parametrize(
    "value", ["Größe 東京 🙂", 'it\'s; DROP TABLE "x" -- %s', "a.b[0]\\u0041\n\t", "e\u0301 \u202e", ""]
)
async def test_any_text_can_be_kept_and_asked_for(index: VectorIndex, tenant: TenantId, value: str) -> None:
    named = {"scope": value, "a.b[]": value, value or "empty": "x"}
    kept = Point(id=uuid4(), vector=EAST, payload=named)
    await index.upsert(tenant, "episode", [kept, point(0, scope="other")])
    (hit,) = await index.search(tenant, "episode", EAST, limit=9, where=named)
    assert (hit.id, hit.payload) == (kept.id, named)


async def test_text_no_store_can_keep_is_cleaned_in_points_and_searches_alike(
    index: VectorIndex, tenant: TenantId
) -> None:
    broken = {"scope": "nul\x00 half\ud83d"}
    await index.upsert(tenant, "episode", [Point(id=uuid4(), vector=EAST, payload=broken)])
    assert len(await index.search(tenant, "episode", EAST, limit=9, where=broken)) == 1


async def test_deleted_points_are_gone(index: VectorIndex, tenant: TenantId) -> None:
    gone, stays = point(0), point(10)
    await index.upsert(tenant, "episode", [gone, stays])
    await index.delete(tenant, "episode", [gone.id, uuid4()])
    await index.delete(tenant, "episode", [gone.id])
    assert [hit.id for hit in await index.search(tenant, "episode", EAST, limit=9)] == [stays.id]
    assert await index.count(tenant, "episode") == 1


async def test_collections_are_apart(index: VectorIndex, tenant: TenantId) -> None:
    both = point(0)
    await index.upsert(tenant, "episode", [both])
    await index.upsert(tenant, "insight", [replace(both, vector=turned(60))])
    await index.delete(tenant, "episode", [both.id])
    (hit,) = await index.search(tenant, "insight", EAST, limit=9)
    assert hit.similarity == pytest.approx(0.5, abs=1e-5)
    assert await index.count(tenant, "episode") == 0


async def test_tenants_are_apart_even_with_the_same_ids(
    index: VectorIndex, tenant: TenantId, other_tenant: TenantId
) -> None:
    mine = point(0, scope="a", origin="mine")
    await index.upsert(tenant, "episode", [mine])
    await index.upsert(other_tenant, "episode", [replace(mine, payload={"scope": "a", "origin": "theirs"})])
    assert [hit.payload["origin"] for hit in await index.search(tenant, "episode", EAST, limit=9)] == ["mine"]
    assert await index.search(tenant, "episode", EAST, limit=9, where={"origin": "theirs"}) == []
    await index.delete(other_tenant, "episode", [mine.id])
    assert (await index.count(tenant, "episode"), await index.count(other_tenant, "episode")) == (1, 0)


async def test_a_payload_that_names_another_tenant_crosses_nothing(
    index: VectorIndex, tenant: TenantId, other_tenant: TenantId
) -> None:
    forged = {"tenant": str(other_tenant), "tenant_id": str(other_tenant), "id": "x", "payload": "y"}
    await index.upsert(tenant, "episode", [Point(id=uuid4(), vector=EAST, payload=forged)])
    assert await index.search(other_tenant, "episode", EAST, limit=9) == []
    (hit,) = await index.search(tenant, "episode", EAST, limit=9, where=forged)
    assert hit.payload == forged


async def test_another_embedders_vectors_are_not_searched(
    index: VectorIndex, embedder: RenamedEmbedder, tenant: TenantId
) -> None:
    shared = point(0)
    await index.upsert(tenant, "episode", [shared])
    embedder.name = "MiniLM-1"
    assert await index.search(tenant, "episode", EAST, limit=9) == []
    await index.upsert(tenant, "episode", [replace(shared, vector=NORTH)])
    assert await index.count(tenant, "episode") == 1
    await index.delete(tenant, "episode", [shared.id])
    embedder.name = "MiniLM 1"
    (hit,) = await index.search(tenant, "episode", EAST, limit=9)
    assert hit.similarity == pytest.approx(1, abs=1e-5)


async def test_preparing_again_keeps_what_is_there(index: VectorIndex, tenant: TenantId) -> None:
    await index.upsert(tenant, "episode", [point(0)])
    await index.prepare()
    assert await index.count(tenant, "episode") == 1


async def test_a_rare_scope_is_found_among_nearer_points_of_others(
    index: VectorIndex, tenant: TenantId, other_tenant: TenantId
) -> None:
    """Everything the filter leaves out is nearer than what it leaves in."""
    near = EAST + random_units(1_500, 1) * np.float32(0.05)
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    crowd = [Point(id=uuid4(), vector=row, payload={"scope": "crowd"}) for row in near]
    rare = [point(90 + degrees, scope="rare") for degrees in range(8)]
    await index.upsert(tenant, "episode", [*crowd[:1_200], *rare])
    await index.upsert(other_tenant, "episode", crowd[1_200:])
    hits = await index.search(tenant, "episode", EAST, limit=5, where={"scope": "rare"})
    assert [hit.id for hit in hits] == [one.id for one in rare[:5]]


async def test_many_points_are_searched_almost_as_well_as_by_brute_force(
    index: VectorIndex, tenant: TenantId
) -> None:
    vectors, queries = random_units(1_500, 2), random_units(10, 3)
    ids = [uuid4() for _ in vectors]
    payloads = [{"scope": "odd" if place % 2 else "even"} for place in range(len(ids))]
    points = [Point(id=i, vector=v, payload=p) for i, v, p in zip(ids, vectors, payloads, strict=True)]
    await index.upsert(tenant, "episode", points)
    found = 0
    for query in queries:
        best = [place for place in np.argsort(-(vectors @ query)).tolist() if place % 2][:10]
        hits = await index.search(tenant, "episode", query, limit=10, where={"scope": "odd"})
        assert len(hits) == 10
        found += len({hit.id for hit in hits} & {ids[place] for place in best})
    assert found / 100 >= 0.95


async def test_writers_at_once_neither_block_nor_lose(index: VectorIndex, tenant: TenantId) -> None:
    points = [point(degrees) for degrees in range(40)]
    await asyncio.gather(
        *(index.upsert(tenant, "episode", points[::step]) for step in (1, -1, 2, -2, 3)),
    )
    assert await index.count(tenant, "episode") == 40
    found: set[UUID] = {hit.id for hit in await index.search(tenant, "episode", EAST, limit=40)}
    assert found == {one.id for one in points}
