"""Search: what a person or a program looks for in memory, by meaning and by words, with the guard's verdicts."""

from __future__ import annotations

import asyncio
from collections.abc import Collection as Group
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from core.database import Database
from core.ids import RecordId, TenantId
from memory.guard.model import RecordKind, Verdict
from memory.guard.read import review
from memory.ports import Embedder, Hit, VectorIndex
from memory.records import Record, candidate_of, read

KINDS: tuple[RecordKind, ...] = ("episode", "insight", "note")

_NO_THRESHOLD = -1.0
"""Whoever searches is shown the nearest there are, however far; words may have found them."""

_SPARE = 2
"""Times the limit that is fetched, so that what is held back leaves nobody short."""


class Found(BaseModel):
    """A record that was found. Scores are comparable within its kind, in one search."""

    model_config = ConfigDict(frozen=True)

    record: Record
    score: float
    similarity: float
    verdict: Verdict | None


class SearchResult(BaseModel):
    """Best first; kinds take turns. What the guard holds back stands apart."""

    model_config = ConfigDict(frozen=True)

    found: tuple[Found, ...] = ()
    held_back: tuple[Found, ...] = ()


class Search:
    """One embedding, and one query of the index for each kind."""

    def __init__(self, database: Database, embedder: Embedder, index: VectorIndex) -> None:
        self._database = database
        self._embedder = embedder
        self._index = index

    async def search(
        self,
        tenant: TenantId,
        query: str,
        *,
        scopes: Group[str],
        kinds: Sequence[RecordKind] = KINDS,
        limit: int = 10,
        guard: bool = True,
    ) -> SearchResult:
        """The records nearest to a query, by meaning and by words.

        Args:
            tenant: whose memory.
            query: what is looked for.
            scopes: nothing outside them is found.
            kinds: which records.
            limit: records found at most; those held back come on top.
            guard: whether records are judged; without it none are held back.

        Raises:
            StorageError: Postgres or the index failed.
        """
        if not scopes or not kinds or limit < 1:
            return SearchResult()
        vector = (await self._embedder.embed([query]))[0]
        where = {"scope": sorted(scopes)}
        most = limit * (_SPARE if guard else 1)

        async def nearest(kind: RecordKind) -> list[Hit]:
            return await self._index.search(tenant, kind, vector, text=query, limit=most, where=where)

        hits = dict(zip(kinds, await asyncio.gather(*map(nearest, kinds)), strict=True))
        async with self._database.unit_of_work(tenant, scopes=scopes) as work:
            ids = {kind: [hit.id for hit in found] for kind, found in hits.items()}
            records = {record.id: record for record in await read(work, ids, scopes)}
        verdicts = _verdicts(records, hits) if guard else {}
        ranked = sorted(
            (place, -hit.similarity, hit.id, hit)
            for found in hits.values()
            for place, hit in enumerate(hit for hit in found if hit.id in records)
        )
        judged = [
            Found(
                record=records[RecordId(hit.id)],
                score=hit.score,
                similarity=hit.similarity,
                verdict=verdicts.get(RecordId(hit.id)),
            )
            for *_, hit in ranked
        ]
        passed = [found for found in judged if not _is_held_back(found)]
        return SearchResult(
            found=tuple(passed[:limit]), held_back=tuple(found for found in judged if _is_held_back(found))
        )


def _verdicts(
    records: Mapping[RecordId, Record], hits: Mapping[RecordKind, Sequence[Hit]]
) -> dict[RecordId, Verdict]:
    candidates = [
        candidate_of(records[RecordId(hit.id)], hit.similarity)
        for found in hits.values()
        for hit in found
        if hit.id in records
    ]
    return review(candidates, minimum_similarity=_NO_THRESHOLD)


def _is_held_back(found: Found) -> bool:
    return found.verdict is not None and found.verdict.decision == "held_back"
