from __future__ import annotations

from uuid import UUID

import pytest

from core.ids import TenantId
from memory.index.weights import TERMS, counts_of, term_of, weights_of
from memory.index.words import words_of

ANN, BEN = TenantId(UUID(int=1)), TenantId(UUID(int=2))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The agents were running", ["agent", "run"]),
        ("read_file", ["read", "file", "read_file"]),
        ("getUserName", ["get", "user", "name", "getusername"]),
        ("pi is 3.14", ["pi", "3", "14", "3.14"]),
        ("on 2024-05-01", ["2024", "05", "01", "2024-05-01"]),
        ("I don\u2019t know; it's Ann's", ["know", "ann"]),
        ("Genève naïve", ["genev", "naiv"]),
        ("東京タワー", ["東京", "京タ", "タワ", "ワー"]),
        ("", []),
        ("of the and", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_a_number_belongs_to_a_tenant_and_a_collection() -> None:
    found = {
        term_of(ANN, "note", "walrus"),
        term_of(BEN, "note", "walrus"),
        term_of(ANN, "episode", "walrus"),
    }
    assert len(found) == 3
    assert all(1 <= term <= TERMS for term in found)


def test_a_word_said_often_is_worth_more_but_not_as_often_more() -> None:
    once = weights_of(ANN, "note", "walrus fish")[term_of(ANN, "note", "walrus")]
    often = weights_of(ANN, "note", "walrus walrus walrus walrus fish")[term_of(ANN, "note", "walrus")]
    assert once < often < 3 * once


def test_a_word_is_worth_less_in_a_long_text() -> None:
    term = term_of(ANN, "note", "walrus")
    long = "walrus " + " ".join(f"word{n}" for n in range(100))
    assert weights_of(ANN, "note", long)[term] < weights_of(ANN, "note", "walrus")[term]


def test_counts_come_in_the_order_of_terms() -> None:
    counts = counts_of(ANN, "note", "seal walrus seal")
    assert list(counts) == sorted(counts)
    assert counts[term_of(ANN, "note", "seal")] == 2
