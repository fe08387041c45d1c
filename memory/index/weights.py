"""Words as numbers, and what each is worth to a text (BM25)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b

from core.ids import TenantId
from memory.index.words import words_of
from memory.ports import Collection

TERMS = 1_000_000_000
"""Terms are numbered from 1; the most dimensions a sparse vector of pgvector has."""

SATURATION, LENGTH, AVERAGE = 1.2, 0.5, 16.0
"""BM25's k1 and b, and the words a text is taken to have on average: fixed, so that a text's weights are the
same whatever else is indexed. Source: Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009."""

READ_CHARACTERS = 32_768
"""Of a text; its words from there on are not found."""

Weights = Mapping[int, float]
"""By term, in ascending order."""


def weights_of(tenant: TenantId, collection: Collection, text: str) -> Weights:
    """What each word of a text is worth, before it is multiplied with how rare the word is."""
    counts = counts_of(tenant, collection, text)
    length = sum(counts.values())
    norm = SATURATION * (1 - LENGTH + LENGTH * length / AVERAGE)
    return {term: round(count * (SATURATION + 1) / (count + norm), 4) for term, count in counts.items()}


def counts_of(tenant: TenantId, collection: Collection, text: str) -> Weights:
    """How often a text has each of its words."""
    counts = Counter(term_of(tenant, collection, word) for word in words_of(text[:READ_CHARACTERS]))
    return {term: float(counts[term]) for term in sorted(counts)}


@lru_cache(maxsize=65_536)
def term_of(tenant: TenantId, collection: Collection, word: str) -> int:
    """A word's number: of one tenant and collection, so that nothing follows from what others write.

    Two words share a number once in a billion pairs, which costs a little precision and no correctness.
    """
    hashed = blake2b(word.encode("utf-8", "replace"), digest_size=8, key=tenant.bytes + collection.encode())
    return int.from_bytes(hashed.digest()) % TERMS + 1
