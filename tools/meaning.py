"""Search by meaning: words first over everything, then vectors over the best of it.

The lexical score is BM25 (Robertson & Zaragoza 2009) with words cut to their stems' beginnings; it is found
by scanning, so nothing is indexed and nothing goes stale.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import re
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from core.errors import ToolError
from tools.document import Document
from tools.passages import Passage, passages
from tools.ports import Embedder
from tools.workspace import Workspace

EMBEDDED = 256
"""Passages compared by vector in one search, at most."""
EMBEDDED_CHARACTERS_EACH = 1_500
"""Characters compared by vector for each passage that is wanted: vectors are what takes time."""
EMBEDDED_CHARACTERS_OF_FILES = 15_000
"""Characters compared by vector to score files: of each, its best passages by words."""
EMBEDDED_CHARACTERS = 45_000
"""Characters compared by vector in one search, at most: two or three seconds of two processor cores."""
PASSAGES_OF_A_FILE = 2
MOST_PASSAGES = 100_000
KEPT_VECTORS = 20_000
_K1, _B = 1.2, 0.75
_LEXICAL_SHARE = 0.4
_WORD = re.compile(r"\w+")
_ENDINGS = ("ingly", "edly", "ing", "ies", "ied", "ed", "es", "ly", "s", "e", "y")
_COMMON = frozenset(
    {
        *("a", "about", "all", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by", "can", "do"),
        *("does", "each", "for", "from", "has", "have", "how", "in", "into", "is", "it", "its", "me", "must"),
        *("not", "of", "on", "or", "our", "should", "so", "that", "the", "their", "them", "then", "there"),
        *("these", "they", "this", "to", "us", "was", "we", "were", "what", "when", "where", "which", "who"),
        *("why", "will", "with", "would", "you", "your", "tell", "find", "say", "says", "list", "explain"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Ranked:
    passage: Passage
    score: float
    """0 to 1, comparable within one search."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Best first. `unread` counts files that could not be searched; `partial` says that a cap was reached."""

    passages: tuple[Ranked, ...]
    unread: int = 0
    partial: bool = False


class MeaningSearch:
    """One per process: it keeps the vectors of passages it has seen."""

    def __init__(self, embedder: Embedder | None) -> None:
        """Without an embedder, words alone decide."""
        self._embedder = embedder
        self._vectors: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()

    async def rank(
        self, workspace: Workspace, query: str, *, paths: Sequence[str] | None = None, limit: int = 8
    ) -> Ranking:
        """The passages nearest to a query, in the given files or in all."""
        gathered = await asyncio.to_thread(_gather, workspace, query, paths)
        if not gathered.candidates:
            return Ranking(passages=(), unread=gathered.unread, partial=gathered.partial)
        best = _affordable(gathered.candidates, limit)
        scores = await self._scores(query, best)
        order: list[int] = np.argsort(-scores, kind="stable")[:limit].tolist()
        return Ranking(
            passages=tuple(
                Ranked(passage=best[index][0], score=round(float(scores[index]), 4)) for index in order
            ),
            unread=gathered.unread,
            partial=gathered.partial,
        )

    async def score_files(self, workspace: Workspace, query: str) -> dict[str, float]:
        """How near each file's best passage is to a query; files without a candidate are left out."""
        gathered = await asyncio.to_thread(_gather, workspace, query, None)
        if not gathered.candidates:
            return {}
        best = _spread(gathered.candidates)
        scores: dict[str, float] = {}
        for (passage, _), score in zip(best, await self._scores(query, best), strict=True):
            scores[passage.path] = max(scores.get(passage.path, 0.0), round(float(score), 4))
        return scores

    async def _scores(self, query: str, best: Sequence[tuple[Passage, float]]) -> NDArray[np.float32]:
        scores = _scaled([score for _, score in best])
        if self._embedder is None:
            return scores
        near = await self._similarities(query, [passage for passage, _ in best])
        blended = _LEXICAL_SHARE * scores + (1 - _LEXICAL_SHARE) * np.clip(near, 0, 1)
        return blended.astype(np.float32)

    async def _similarities(self, query: str, found: Sequence[Passage]) -> NDArray[np.float32]:
        assert self._embedder is not None
        keys = [
            blake2b(passage.text.encode("utf-8", "replace"), digest_size=16).digest() for passage in found
        ]
        missing = {
            key: passage.text for key, passage in zip(keys, found, strict=True) if key not in self._vectors
        }
        made = np.asarray(await self._embedder.embed([query, *missing.values()]), dtype=np.float32)
        fresh = dict(zip(missing, made[1:], strict=True))
        matrix = np.stack([fresh[key] if key in fresh else self._vectors[key] for key in keys])
        self._keep(fresh)
        return matrix @ made[0]

    def _keep(self, fresh: dict[bytes, NDArray[np.float32]]) -> None:
        self._vectors.update(fresh)
        while len(self._vectors) > KEPT_VECTORS:
            self._vectors.popitem(last=False)


@dataclass(frozen=True, kw_only=True)
class _Gathered:
    candidates: list[tuple[Passage, float]]
    unread: int
    partial: bool


def _gather(workspace: Workspace, query: str, paths: Sequence[str] | None) -> _Gathered:
    """The passages with the best lexical scores; the beginnings of files fill up what words leave free."""
    names = [file.path for file in workspace.inventory().files] if paths is None else list(paths)
    scan = _Scan(stems=_stems(query), openings_each=EMBEDDED // max(1, len(names)) + 1)
    for name in names:
        if scan.total > MOST_PASSAGES:
            break
        try:
            scan.read(workspace.text(name))
        except ToolError:
            scan.unread += 1
    return _Gathered(candidates=scan.best(), unread=scan.unread, partial=scan.total > MOST_PASSAGES)


class _Scan:
    def __init__(self, *, stems: Sequence[str], openings_each: int) -> None:
        alternatives = "|".join(map(re.escape, stems))
        self._pattern = re.compile(rf"\b({alternatives})\w{{0,5}}\b") if stems else None
        self._openings_each = openings_each
        self._counted: list[tuple[Passage, Counter[str]]] = []
        self._openings: list[Passage] = []
        self._spread: Counter[str] = Counter()
        self._length = 0
        self.total = 0
        self.unread = 0

    def read(self, document: Document) -> None:
        for index, passage in enumerate(passages(document)):
            self.total += 1
            self._length += len(passage.text)
            found: list[str] = self._pattern.findall(passage.lowered) if self._pattern else []
            if found:
                counts = Counter(found)
                self._spread.update(counts.keys())
                self._counted.append((passage, counts))
            elif index < self._openings_each and len(self._openings) < EMBEDDED:
                self._openings.append(passage)

    def best(self) -> list[tuple[Passage, float]]:
        average = self._length / max(1, self.total)
        scored = [
            (passage, _bm25(counts, self._spread, self.total, len(passage.text) / average))
            for passage, counts in self._counted
        ]
        best = heapq.nlargest(EMBEDDED, scored, key=lambda pair: pair[1])
        return best + [(passage, 0.0) for passage in self._openings[: EMBEDDED - len(best)]]


def _affordable(candidates: list[tuple[Passage, float]], limit: int) -> list[tuple[Passage, float]]:
    """The first of them, as many as may be compared by vector for `limit` results."""
    left = min(limit * EMBEDDED_CHARACTERS_EACH, EMBEDDED_CHARACTERS)
    for index, (passage, _) in enumerate(candidates):
        if left <= 0:
            return candidates[:index]
        left -= len(passage.text)
    return candidates


def _spread(candidates: list[tuple[Passage, float]]) -> list[tuple[Passage, float]]:
    """The best passage of each file, then the second best, as far as files may be compared by vector."""
    rounds: dict[str, int] = {}
    placed: list[tuple[int, tuple[Passage, float]]] = []
    for candidate in candidates:
        path = candidate[0].path
        rounds[path] = rounds.get(path, 0) + 1
        placed.append((rounds[path], candidate))
    left, chosen = EMBEDDED_CHARACTERS_OF_FILES, list[tuple[Passage, float]]()
    for round_, candidate in sorted(placed, key=lambda pair: pair[0]):
        if round_ > PASSAGES_OF_A_FILE or left <= 0:
            break
        chosen.append(candidate)
        left -= len(candidate[0].text)
    return chosen


def _bm25(counts: Counter[str], spread: Counter[str], total: int, relative_length: float) -> float:
    score = 0.0
    for stem, count in counts.items():
        rarity = math.log(1 + (total - spread[stem] + 0.5) / (spread[stem] + 0.5))
        score += rarity * count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * relative_length))
    return score


def _scaled(scores: Sequence[float]) -> NDArray[np.float32]:
    highest = max(scores)
    return np.asarray([score / highest if highest > 0 else 0.0 for score in scores], dtype=np.float32)


def _stems(query: str) -> list[str]:
    words = dict.fromkeys(word for word in _WORD.findall(query.lower()) if word not in _COMMON)
    stems = dict.fromkeys(_stem(word) for word in words)
    return sorted(stems, key=len, reverse=True)[:32]


def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word.removesuffix(ending)
    return word
