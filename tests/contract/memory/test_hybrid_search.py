"""What every index does with words."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest

from core.ids import TenantId
from memory.index.points import digest_of
from memory.ports import Hit, Point, VectorIndex, Vectors

AtAngle = Callable[[float], Vectors]
UnitVectors = Callable[..., Vectors]


@pytest.fixture
def say(at_angle: AtAngle) -> Callable[..., Point]:
    """A point with words; its meaning lies at so many degrees from what is searched for."""

    def make(number: int, text: str, degrees: float = 90, **payload: str) -> Point:
        return Point(id=UUID(int=number), vector=at_angle(degrees), text=text, payload=payload)

    return make


def numbers(hits: list[Hit]) -> list[int]:
    return [hit.id.int for hit in hits]


async def test_a_rare_word_is_found_where_the_meaning_is_not(
    index: VectorIndex, tenant: TenantId, say: Callable[..., Point], at_angle: AtAngle
) -> None:
    crowd = [say(n, f"the weather report of day {n}", 40) for n in range(2, 40)]
    await index.upsert(tenant, "note", [say(1, "Kowalski signed the lease", 90), *crowd])
    by_words = await index.search(tenant, "note", at_angle(0), text="what did Kowalski sign?", limit=3)
    by_meaning = await index.search(tenant, "note", at_angle(0), limit=3)
    assert numbers(by_words)[0] == 1
    assert 1 not in numbers(by_meaning)
    assert by_words[0].similarity == pytest.approx(0, abs=1e-5)


async def test_without_words_the_score_is_the_similarity(
    index: VectorIndex, tenant: TenantId, say: Callable[..., Point], at_angle: AtAngle
) -> None:
    await index.upsert(tenant, "note", [say(1, "apples", 60), say(2, "pears", 30)])
    hits = await index.search(tenant, "note", at_angle(0), limit=5)
    assert numbers(hits) == [2, 1]
    assert [hit.score for hit in hits] == [hit.similarity for hit in hits]


async def test_words_that_everything_has_decide_nothing(
    index: VectorIndex, tenant: TenantId, say: Callable[..., Point], at_angle: AtAngle
) -> None:
    near = [say(n, "invoice paid", 10 + n) for n in range(1, 20)]
    await index.upsert(tenant, "note", [*near, say(30, "invoice of the Zephyr contract", 80)])
    hits = await index.search(tenant, "note", at_angle(0), text="invoice Zephyr", limit=2)
    assert numbers(hits)[0] == 30


FORMS = {
    "they were running tests": "who runs a test",
    "call read_file first": "read_file",
    "due on 2024-05-01": "2024-05-01",
    "version 3.14 broke it": "3.14",
    "ask ann@example.org": "ann@example.org",
    "un café à Genève": "cafe geneve",
    "東京タワーに行く": "東京タワー",
}


async def test_forms_of_words(
    index: VectorIndex, tenant: TenantId, say: Callable[..., Point], at_angle: AtAngle
) -> None:
    await index.upsert(tenant, "note", [say(n, text, 90) for n, text in enumerate(FORMS, 1)])
    for number, question in enumerate(FORMS.values(), 1):
        (hit,) = await index.search(tenant, "note", at_angle(0), text=question, limit=1)
        assert hit.id.int == number, question


async def test_words_are_of_the_text_that_was_put_last(
    index: VectorIndex, tenant: TenantId, say: Callable[..., Point], at_angle: AtAngle
) -> None:
    others = [say(n, "nothing of the kind", 80) for n in range(2, 6)]
    await index.upsert(tenant, "note", [say(1, "a walrus", 90), *others])
    await index.upsert(tenant, "note", [say(1, "a pelican", 90)])
    gone = await index.search(tenant, "note", at_angle(0), text="walrus", limit=1)
    there = await index.search(tenant, "note", at_angle(0), text="pelican", limit=1)
    assert (numbers(gone), numbers(there)) == ([2], [1])


async def test_words_do_not_cross_tenants_or_filters(
    index: VectorIndex, tenant: TenantId, other_tenant: TenantId, say: Callable[..., Point], at_angle: AtAngle
) -> None:
    await index.upsert(other_tenant, "note", [say(1, "the walrus", 0, scope="a")])
    await index.upsert(tenant, "note", [say(2, "the walrus", 0, scope="b"), say(3, "else", 0, scope="a")])
    hits = await index.search(tenant, "note", at_angle(0), text="walrus", limit=9, where={"scope": "a"})
    assert numbers(hits) == [3]
    assert (
        await index.search(other_tenant, "note", at_angle(0), text="else", limit=9, where={"scope": "b"})
        == []
    )


async def test_where_takes_any_of_several_values(
    index: VectorIndex, tenant: TenantId, say: Callable[..., Point], at_angle: AtAngle
) -> None:
    points = [
        say(n, "x", n, scope=scope, kind=kind) for n, (scope, kind) in enumerate(["ax", "bx", "cx", "ay"])
    ]
    await index.upsert(tenant, "note", points)

    async def found(**where: str | list[str]) -> list[int]:
        return numbers(await index.search(tenant, "note", at_angle(0), limit=9, where=where))

    assert await found(scope=["a", "c"]) == [0, 2, 3]
    assert await found(scope=["a", "c"], kind=["x", "z"]) == [0, 2]
    assert await found(scope=[]) == []
    assert await found(kind=[]) == []


async def test_a_hit_lifts_its_neighbours_in_the_conversation(
    index: VectorIndex, tenant: TenantId, say: Callable[..., Point], at_angle: AtAngle
) -> None:
    """What answers a question seldom repeats its words."""
    talk = [
        "Hello!",
        "Did Kowalski sign?",
        "Yes, on Monday.",
        "Good.",
        "Shall we eat?",
        "Let us.",
        "Soup?",
        "Yes.",
    ]
    points = [
        say(10 + at, text, 95, thread="talk", position=str(at), scope="a") for at, text in enumerate(talk)
    ]
    crowd = [say(100 + n, "about something else", 85, scope="a") for n in range(120)]
    await index.upsert(tenant, "note", [*points, *crowd])
    hits = await index.search(tenant, "note", at_angle(0), text="Kowalski", limit=3, where={"scope": "a"})
    assert numbers(hits)[0] == 11
    assert set(numbers(hits)[1:]) == {10, 12}
    elsewhere = await index.search(
        tenant, "note", at_angle(0), text="Kowalski", limit=3, where={"scope": "b"}
    )
    assert elsewhere == []


async def test_digests_tell_what_a_point_was_made_of(
    index: VectorIndex, tenant: TenantId, other_tenant: TenantId, say: Callable[..., Point]
) -> None:
    await index.upsert(tenant, "note", [say(1, "a text", scope="a"), say(2, "another", scope="b")])
    found = await index.digests(tenant, "note", [UUID(int=1), UUID(int=2), UUID(int=3)])
    assert found == {
        UUID(int=1): digest_of("a text", {"scope": "a"}),
        UUID(int=2): digest_of("another", {"scope": "b"}),
    }
    assert await index.digests(other_tenant, "note", [UUID(int=1)]) == {}


async def test_pages_list_every_point_of_the_tenant(
    index: VectorIndex, tenant: TenantId, other_tenant: TenantId, say: Callable[..., Point]
) -> None:
    await index.upsert(tenant, "note", [say(n, "x") for n in range(1, 601)])
    await index.upsert(other_tenant, "note", [say(1_000, "x")])
    listed = [one.int async for page in index.pages(tenant, "note") for one in page]
    assert sorted(listed) == list(range(1, 601))


async def test_a_destroyed_index_is_empty(
    index: VectorIndex, tenant: TenantId, say: Callable[..., Point]
) -> None:
    await index.upsert(tenant, "note", [say(1, "walrus")])
    await index.upsert(tenant, "episode", [say(1, "walrus")])
    await index.destroy()
    assert (await index.count(tenant, "note"), await index.count(tenant, "episode")) == (0, 0)


async def test_one_in_a_thousand_is_found_through_a_hostile_filter(
    index: VectorIndex, tenant: TenantId, unit_vectors: UnitVectors, at_angle: AtAngle
) -> None:
    """All that is near, in meaning and in words, is shut out."""
    crowd = unit_vectors(1_000, around=at_angle(0), spread=0.5)
    points = [
        Point(id=UUID(int=n), vector=row, text="walrus", payload={"scope": "crowd"})
        for n, row in enumerate(crowd)
    ]
    rare = Point(id=UUID(int=9_000), vector=at_angle(175), text="seal", payload={"scope": "rare"})
    await index.upsert(tenant, "note", [*points, rare])
    for text in (None, "walrus"):
        hits = await index.search(
            tenant, "note", at_angle(0), text=text, limit=5, where={"scope": ["rare", "nowhere"]}
        )
        assert numbers(hits) == [9_000]
