"""One order out of two: what is near in meaning, and what has the same words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from memory.ports import Hit

DEPTH = 100
"""Records taken of each order before they are joined, or as many as are asked for, if that is more."""

WORDS = 1.25
"""What the best match of words counts against the nearest in meaning."""

SURE = 0.4
"""The cosine from which the nearest counts in full; where nothing is so near, meaning has less to say."""

SEEDS = 20
"""The best records, whose neighbours are looked at."""

REACH, LIFT, FADING = 3, 0.4, 0.6
"""How far along a conversation a record lifts its neighbours, by what part of its own score, and how that
fades: an answer seldom repeats the words of what it answers."""

Place = tuple[str, int]
"""A thread and a position in it."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A record that may be a hit.

    Attributes:
        id: the record's.
        similarity: cosine.
        words: how well its words fit, from 0; no scale of its own.
        payload: as it was given.
    """

    id: UUID
    similarity: float
    words: float
    payload: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """What makes the two orders of one search comparable: a cosine alone does not tell near from far."""

    nearest: float
    farthest: float
    words: float

    @classmethod
    def of(cls, candidates: Sequence[Candidate]) -> Scale:
        near = sorted((one.similarity for one in candidates), reverse=True)[:DEPTH] or [0.0]
        words = max((one.words for one in candidates), default=0.0)
        return cls(nearest=near[0], farthest=near[-1], words=words)

    def score(self, one: Candidate) -> float:
        """From 0 for what is far and has no word, to 1 + `WORDS`."""
        span = self.nearest - self.farthest
        share = min(1.0, max(0.0, (one.similarity - self.farthest) / span)) if span > 0 else 1.0
        near = share * min(1.0, max(0.0, self.nearest / SURE))
        return near + (WORDS * one.words / self.words if self.words > 0 else 0.0)


def scored(candidates: Iterable[Candidate], scale: Scale) -> dict[UUID, Hit]:
    """Each with a score of its own."""
    return {
        one.id: Hit(id=one.id, similarity=one.similarity, score=scale.score(one), payload=one.payload)
        for one in candidates
    }


def nearest(candidates: Iterable[Candidate], limit: int) -> list[Hit]:
    """In the order of meaning alone."""
    hits = [
        Hit(id=one.id, similarity=one.similarity, score=one.similarity, payload=one.payload)
        for one in candidates
    ]
    return sorted(hits, key=lambda hit: (-hit.similarity, hit.id))[:limit]


def neighbourhood(hits: Mapping[UUID, Hit]) -> list[Place]:
    """The places beside the best hits that no hit lies at."""
    taken = {place for hit in hits.values() if (place := place_of(hit.payload)) is not None}
    beside = {place for seed in _seeds(hits) for place, _ in _beside(seed)}
    return sorted(beside - taken)


def lifted(hits: Mapping[UUID, Hit], limit: int) -> list[Hit]:
    """The best, after each seed has lifted those beside it."""
    gained: dict[Place, float] = {}
    for seed in _seeds(hits):
        for place, part in _beside(seed):
            gained[place] = gained.get(place, 0.0) + part
    final = [
        Hit(id=hit.id, similarity=hit.similarity, score=hit.score + gain, payload=hit.payload)
        if (place := place_of(hit.payload)) is not None and (gain := gained.get(place, 0.0))
        else hit
        for hit in hits.values()
    ]
    return sorted(final, key=lambda hit: (-hit.score, hit.id))[:limit]


def place_of(payload: Mapping[str, str]) -> Place | None:
    """Where in a conversation a record stands, if it stands in one."""
    thread, position = payload.get("thread"), payload.get("position", "")
    if thread is None or not (position.isascii() and position.isdigit() and len(position) < 10):
        return None
    return thread, int(position)


def _seeds(hits: Mapping[UUID, Hit]) -> list[Hit]:
    return sorted(hits.values(), key=lambda hit: (-hit.score, hit.id))[:SEEDS]


def _beside(seed: Hit) -> list[tuple[Place, float]]:
    place = place_of(seed.payload)
    if place is None:
        return []
    thread, position = place
    return [
        ((thread, position + side * step), seed.score * LIFT * FADING ** (step - 1))
        for step in range(1, REACH + 1)
        for side in (-1, 1)
        if position + side * step >= 0
    ]
