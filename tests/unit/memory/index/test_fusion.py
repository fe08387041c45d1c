from __future__ import annotations

from uuid import UUID

import pytest

from memory.index.fusion import REACH, SEEDS, Candidate, Scale, lifted, neighbourhood, place_of, scored


def candidate(number: int, similarity: float, words: float = 0, **payload: str) -> Candidate:
    return Candidate(id=UUID(int=number), similarity=similarity, words=words, payload=payload)


def order(*candidates: Candidate, limit: int = 99) -> list[int]:
    return [hit.id.int for hit in lifted(scored(candidates, Scale.of(candidates)), limit)]


def test_good_in_both_comes_before_best_in_one() -> None:
    assert order(candidate(1, 0.9, 0), candidate(2, 0.1, 9), candidate(3, 0.8, 8))[0] == 3


def test_where_no_words_fit_the_nearest_come_first() -> None:
    assert order(candidate(1, 0.2), candidate(2, 0.7), candidate(3, -0.5)) == [2, 1, 3]


def test_a_neighbour_is_lifted_and_the_nearer_the_more() -> None:
    talk = [candidate(10 + at, 0.1, thread="t", position=str(at)) for at in range(9)]
    talk[4] = candidate(14, 0.9, 5, thread="t", position="4")
    found = order(*talk, candidate(99, 0.15), limit=4)
    assert found[0] == 14
    assert set(found[1:3]) == {13, 15}


def test_another_thread_is_not_lifted() -> None:
    found = order(
        candidate(1, 0.9, 5, thread="t", position="4"),
        candidate(2, 0.1, thread="other", position="5"),
        candidate(3, 0.2),
    )
    assert found == [1, 3, 2]


def test_the_neighbourhood_is_what_is_not_there_yet() -> None:
    talk = [candidate(1, 0.9, thread="t", position="1"), candidate(2, 0.1, thread="t", position="2")]
    hits = scored(talk, Scale.of(talk))
    assert neighbourhood(hits) == [("t", 0), *[("t", at) for at in range(3, 3 + REACH)]]


def test_the_neighbourhood_is_bounded() -> None:
    talk = [candidate(n, n / 1000, thread=f"t{n}", position="50") for n in range(500)]
    hits = scored(talk, Scale.of(talk))
    assert len(neighbourhood(hits)) == SEEDS * 2 * REACH


@pytest.mark.parametrize("position", ["", "-1", "x", "1.5", "²", "9" * 20])
def test_a_position_that_is_none(position: str) -> None:
    assert place_of({"thread": "t", "position": position}) is None
