"""What every vector index does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import numpy as np
import pytest

from core.errors import StorageError
from core.ids import TenantId
from memory.embedder import MiniLm
from memory.ports import Embedder, Hit, Point, VectorIndex, Vectors

MakePoint = Callable[..., Point]
AtAngle = Callable[[float], Vectors]
UnitVectors = Callable[..., Vectors]


class OtherEmbedder(MiniLm):
    @property
    def name(self) -> str:
        return "another/embedder: v2"


def numbers(hits: Sequence[Hit]) -> list[int]:
    return [hit.id.int for hit in hits]


def points_of(vectors: Vectors, first: int, **payload: str) -> list[Point]:
    return [Point(id=UUID(int=first + n), vector=row, payload=payload) for n, row in enumerate(vectors)]


def nearest(points: Sequence[Point], query: Vectors, count: int) -> set[int]:
    ranked = sorted(points, key=lambda point: -float(point.vector @ query))
    return {point.id.int for point in ranked[:count]}


async def test_a_point_is_found_as_it_was_put(
    index: VectorIndex, tenant: TenantId, point: MakePoint, at_angle: AtAngle
) -> None:
    await index.upsert(tenant, "episode", [point(7, 60, scope="tenant", origin="ann")])
    (hit,) = await index.search(tenant, "episode", at_angle(0), limit=5)
    assert (hit.id, hit.payload) == (UUID(int=7), {"scope": "tenant", "origin": "ann"})
    assert hit.similarity == pytest.approx(0.5, abs=1e-5)


async def test_the_nearest_come_first_and_no_more_than_asked_for(
    index: VectorIndex, tenant: TenantId, point: MakePoint, at_angle: AtAngle
) -> None:
    await index.upsert(tenant, "episode", [point(n, 170 - 10 * n) for n in range(1, 17)])
    hits = await index.search(tenant, "episode", at_angle(0), limit=4)
    assert numbers(hits) == [16, 15, 14, 13]
    assert [hit.similarity for hit in hits] == sorted((hit.similarity for hit in hits), reverse=True)


async def test_opposite_vectors_have_similarity_minus_one(
    index: VectorIndex, tenant: TenantId, point: MakePoint, at_angle: AtAngle
) -> None:
    await index.upsert(tenant, "episode", [point(1, 180)])
    (hit,) = await index.search(tenant, "episode", at_angle(0), limit=1)
    assert hit.similarity == pytest.approx(-1, abs=1e-5)


async def test_a_second_upsert_replaces_vector_and_payload(
    index: VectorIndex, tenant: TenantId, point: MakePoint, at_angle: AtAngle
) -> None:
    await index.upsert(tenant, "episode", [point(1, 90, scope="old", gone="yes"), point(2, 30)])
    await index.upsert(tenant, "episode", [point(1, 0, scope="new")])
    hits = await index.search(tenant, "episode", at_angle(0), limit=5)
    assert numbers(hits) == [1, 2]
    assert hits[0].payload == {"scope": "new"}
    assert await index.search(tenant, "episode", at_angle(0), limit=5, where={"scope": "old"}) == []


async def test_a_repeated_upsert_changes_nothing(
    index: VectorIndex, tenant: TenantId, point: MakePoint, at_angle: AtAngle
) -> None:
    points = [point(n, n) for n in range(1, 6)]
    await index.upsert(tenant, "episode", points)
    before = await index.search(tenant, "episode", at_angle(0), limit=9)
    await index.upsert(tenant, "episode", points)
    assert await index.search(tenant, "episode", at_angle(0), limit=9) == before
    assert await index.count(tenant, "episode") == 5


async def test_of_one_id_given_twice_the_last_stays(
    index: VectorIndex, tenant: TenantId, point: MakePoint, at_angle: AtAngle
) -> None:
    await index.upsert(tenant, "episode", [point(1, 0, take="first"), point(1, 10, take="last")])
    (hit,) = await index.search(tenant, "episode", at_angle(10), limit=5)
    assert hit.payload == {"take": "last"}
    assert hit.similarity == pytest.approx(1, abs=1e-5)


async def test_where_keeps_the_points_that_equal_it_in_every_key(
    index: VectorIndex, tenant: TenantId, point: MakePoint, at_angle: AtAngle
) -> None:
    await index.upsert(
        tenant,
        "episode",
        [
            point(1, 1, scope="a", origin="x"),
            point(2, 2, scope="a", origin="y"),
            point(3, 3, scope="b"),
            point(4, 4),
        ],
    )

    async def found(**where: str) -> list[int]:
        return numbers(await index.search(tenant, "episode", at_angle(0), limit=9, where=where))

    assert await found(scope="a") == [1, 2]
    assert await found(scope="a", origin="y") == [2]
    assert await found(scope="b", origin="y") == []
    assert await found(scope="A") == []
    assert await found() == [1, 2, 3, 4]


async def test_where_compares_whole_values(
    index: VectorIndex, tenant: TenantId, point: MakePoint, at_angle: AtAngle
) -> None:
    await index.upsert(tenant, "episode", [point(1, 0, scope="team")])
    for other in ("tea", "teams", "Team", "team ", "%", "", '"team"'):
        assert await index.search(tenant, "episode", at_angle(0), limit=9, where={"scope": other}) == []


async def test_equally_near_points_come_by_id(
    index: VectorIndex, tenant: TenantId, point: MakePoint, at_angle: AtAngle
) -> None:
    await index.upsert(tenant, "episode", [point(number, 30) for number in (5, 2, 6, 1, 4, 3)])
    hits = await index.search(tenant, "episode", at_angle(0), limit=6)
    assert numbers(hits) == [1, 2, 3, 4, 5, 6]


async def test_a_payload_that_names_another_tenant_crosses_nothing(
    index: VectorIndex, tenant: TenantId, other_tenant: TenantId, point: MakePoint, at_angle: AtAngle
) -> None:
    forged = {"tenant": str(other_tenant), "tenant_id": str(other_tenant), "id": "x", "payload": "y"}
    await index.upsert(tenant, "episode", [point(1, 0, **forged)])
    assert await index.search(other_tenant, "episode", at_angle(0), limit=9) == []
    (hit,) = await index.search(tenant, "episode", at_angle(0), limit=9, where=forged)
    assert hit.payload == forged


async def test_deleted_points_are_gone_and_the_others_stay(
    index: VectorIndex, tenant: TenantId, point: MakePoint, at_angle: AtAngle
) -> None:
    await index.upsert(tenant, "episode", [point(n, n) for n in range(1, 5)])
    await index.delete(tenant, "episode", [UUID(int=1), UUID(int=3), UUID(int=99)])
    assert numbers(await index.search(tenant, "episode", at_angle(0), limit=9)) == [2, 4]
    await index.delete(tenant, "episode", [])
    assert await index.count(tenant, "episode") == 2


async def test_nothing_in_it_nothing_found(index: VectorIndex, tenant: TenantId, at_angle: AtAngle) -> None:
    await index.upsert(tenant, "episode", [])
    assert await index.search(tenant, "episode", at_angle(0), limit=5) == []
    assert await index.count(tenant, "episode") == 0
    await index.delete(tenant, "episode", [UUID(int=1)])


@pytest.mark.parametrize("limit", [0, -1])
async def test_asking_for_nothing_finds_nothing(
    index: VectorIndex, tenant: TenantId, point: MakePoint, at_angle: AtAngle, limit: int
) -> None:
    await index.upsert(tenant, "episode", [point(1)])
    assert await index.search(tenant, "episode", at_angle(0), limit=limit) == []


async def test_collections_are_apart(
    index: VectorIndex, tenant: TenantId, point: MakePoint, at_angle: AtAngle
) -> None:
    await index.upsert(tenant, "episode", [point(1, 0, kind="episode")])
    await index.upsert(tenant, "insight", [point(1, 0, kind="insight")])
    await index.delete(tenant, "episode", [UUID(int=1)])
    (hit,) = await index.search(tenant, "insight", at_angle(0), limit=5)
    assert hit.payload == {"kind": "insight"}
    assert await index.count(tenant, "episode") == 0


async def test_tenants_never_see_each_other(
    index: VectorIndex, tenant: TenantId, other_tenant: TenantId, point: MakePoint, at_angle: AtAngle
) -> None:
    await index.upsert(tenant, "episode", [point(1, 0, owner="first"), point(2, 5, owner="first")])
    await index.upsert(other_tenant, "episode", [point(1, 1, owner="second"), point(3, 2, owner="second")])
    mine = await index.search(tenant, "episode", at_angle(0), limit=9)
    theirs = await index.search(other_tenant, "episode", at_angle(0), limit=9)
    assert [(hit.id.int, hit.payload["owner"]) for hit in mine] == [(1, "first"), (2, "first")]
    assert [(hit.id.int, hit.payload["owner"]) for hit in theirs] == [(1, "second"), (3, "second")]
    assert await index.search(tenant, "episode", at_angle(0), limit=9, where={"owner": "second"}) == []


async def test_a_tenant_cannot_delete_or_count_another_ones_points(
    index: VectorIndex, tenant: TenantId, other_tenant: TenantId, point: MakePoint, at_angle: AtAngle
) -> None:
    await index.upsert(tenant, "episode", [point(1), point(2)])
    await index.delete(other_tenant, "episode", [UUID(int=1), UUID(int=2)])
    assert await index.count(tenant, "episode") == 2
    assert await index.count(other_tenant, "episode") == 0


async def test_payloads_hold_any_text(
    index: VectorIndex, tenant: TenantId, point: MakePoint, at_angle: AtAngle
) -> None:
    payload = {
        "a.b[0]": 'quote " back \\ slash',
        "città": "今日は 🙂 naïve\n\t",
        "": "empty key",
        "empty": "",
        "=": "%s %(x)s {}",
    }
    await index.upsert(tenant, "episode", [point(1, 0, **payload), point(2, 1)])
    for key, value in payload.items():
        (hit,) = await index.search(tenant, "episode", at_angle(0), limit=5, where={key: value})
        assert (hit.id.int, hit.payload) == (1, payload)


async def test_what_no_store_holds_is_left_out_of_a_payload(
    index: VectorIndex, tenant: TenantId, point: MakePoint, at_angle: AtAngle
) -> None:
    await index.upsert(tenant, "episode", [point(1, 0, scope="a\x00b", half="\ud83d")])
    (hit,) = await index.search(tenant, "episode", at_angle(0), limit=5, where={"scope": "a\x00b"})
    assert hit.payload == {"scope": "ab", "half": "?"}


async def test_an_embedder_finds_only_its_own_vectors(
    make_index: Callable[[Embedder], VectorIndex],
    tenant: TenantId,
    point: MakePoint,
    at_angle: AtAngle,
) -> None:
    first, second = make_index(MiniLm()), make_index(OtherEmbedder())
    await first.upsert(tenant, "episode", [point(1, 0, by="first")])
    await second.upsert(tenant, "episode", [point(1, 0, by="second"), point(2)])
    (hit,) = await first.search(tenant, "episode", at_angle(0), limit=9)
    assert hit.payload == {"by": "first"}
    assert await second.count(tenant, "episode") == 2
    await first.close()
    await second.close()


@pytest.mark.parametrize(
    "vector",
    [np.ones(3) / np.sqrt(3), np.zeros(384), np.ones(384), np.full(384, np.nan)],
    ids=["short", "zero", "long", "nan"],
)
async def test_a_vector_without_meaning_is_refused(
    index: VectorIndex, tenant: TenantId, vector: Vectors
) -> None:
    with pytest.raises(StorageError, match="unit vectors of 384 dimensions"):
        await index.search(tenant, "episode", vector.astype(np.float32), limit=1)
    with pytest.raises(StorageError, match="unit vectors of 384 dimensions"):
        await index.upsert(tenant, "episode", [Point(id=UUID(int=1), vector=vector.astype(np.float32))])
    assert await index.count(tenant, "episode") == 0


async def test_writers_of_the_same_points_do_not_disturb_each_other(
    index: VectorIndex, tenant: TenantId, unit_vectors: UnitVectors
) -> None:
    points = points_of(unit_vectors(300), 1)
    orders = [points, points[::-1], points[150:] + points[:150]]
    await asyncio.gather(*(index.upsert(tenant, "episode", order) for order in orders))
    assert await index.count(tenant, "episode") == 300


async def test_preparing_again_keeps_what_is_there(
    index: VectorIndex, tenant: TenantId, point: MakePoint
) -> None:
    await index.upsert(tenant, "episode", [point(1)])
    await asyncio.gather(index.prepare(), index.prepare())
    assert await index.count(tenant, "episode") == 1


async def test_a_filter_that_only_far_points_pass_loses_none(
    index: VectorIndex, tenant: TenantId, unit_vectors: UnitVectors, at_angle: AtAngle
) -> None:
    crowd = points_of(unit_vectors(1_000, around=at_angle(0), spread=0.5), 1, scope="crowd")
    rare = points_of(unit_vectors(20, around=at_angle(180), spread=0.5), 5_001, scope="rare")
    await index.upsert(tenant, "episode", [*crowd, *rare])
    hits = await index.search(tenant, "episode", at_angle(0), limit=10, where={"scope": "rare"})
    assert set(numbers(hits)) == nearest(rare, at_angle(0), 10)


async def test_a_small_tenant_loses_nothing_in_the_crowd_of_another(
    index: VectorIndex, tenant: TenantId, other_tenant: TenantId, unit_vectors: UnitVectors, at_angle: AtAngle
) -> None:
    await index.upsert(
        other_tenant, "episode", points_of(unit_vectors(1_000, around=at_angle(0), spread=0.5), 1)
    )
    mine = points_of(unit_vectors(30, around=at_angle(180), spread=1.0), 1)
    await index.upsert(tenant, "episode", mine)
    hits = await index.search(tenant, "episode", at_angle(0), limit=10)
    assert set(numbers(hits)) == nearest(mine, at_angle(0), 10)


async def test_recall_against_comparing_every_point(
    index: VectorIndex, tenant: TenantId, unit_vectors: UnitVectors
) -> None:
    groups = unit_vectors(40)
    points = points_of(np.vstack([unit_vectors(25, around=one, spread=0.7) for one in groups]), 1)
    await index.upsert(tenant, "episode", points)
    found = wanted = 0
    for query in np.vstack([unit_vectors(1, around=one, spread=0.7) for one in groups[:20]]):
        hits = await index.search(tenant, "episode", query, limit=10)
        found += len(set(numbers(hits)) & nearest(points, query, 10))
        wanted += 10
    assert found / wanted >= 0.97
