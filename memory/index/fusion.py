"""One order out of two: what is near in meaning, and what has the same words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from memory.ports import Hit

DEPTH = 100
"""Records taken of each order before they are joined, or as many as are asked for, if that is more."""

WORDS = 1.5
"""What the best match of words counts against a cosine of 1."""

SEEDS = 30
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


def scored(candidates: Iterable[Candidate], most: float) -> dict[UUID, Hit]:
    """Each with a score of its own; `most` is what the words of the best match are worth."""
    return {
        one.id: Hit(
            id=one.id,
            similarity=one.similarity,
            score=max(0.0, one.similarity) + (WORDS * one.words / most if most > 0 else 0.0),
            payload=one.payload,
        )
        for one in candidates
    }


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
