"""One embedding, one query of the index for each kind, and the rows as they are now."""

from __future__ import annotations

import asyncio
from collections.abc import Collection as Group
from collections.abc import Mapping, Sequence
from uuid import UUID

from core.database import Database
from core.ids import RecordId, TenantId
from memory import catalogue
from memory.catalogue import NoteRecord, Record
from memory.guard.model import Abstained, Candidate, RecordKind, Verdict
from memory.guard.read import review
from memory.ports import Embedder, Hit, VectorIndex
from memory.search.model import Found, SearchResult

KINDS: tuple[RecordKind, ...] = ("episode", "insight", "note")

_NO_THRESHOLD = -1.0
"""Whoever searches is shown the nearest there are, however far; words may have found them."""

_SPARE = 2
"""Times the limit that is fetched, so that what is held back leaves nobody short."""


class Search:
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
        records: dict[UUID, Record] = {}
        async with self._database.unit_of_work(tenant, scopes=scopes) as work:
            for kind, near in hits.items():
                for record in await catalogue.read(work, kind, [hit.id for hit in near]):
                    if record.state in {"candidate", "active"}:
                        records[record.id] = record
        return _result(records, hits, limit, guard=guard)


def _result(
    records: Mapping[UUID, Record], hits: Mapping[RecordKind, Sequence[Hit]], limit: int, *, guard: bool
) -> SearchResult:
    there = [[hit for hit in near if hit.id in records] for near in hits.values()]
    verdicts = _verdicts([records[hit.id].candidate(hit.similarity) for near in there for hit in near])
    turns = sorted(
        ((place, -hit.similarity, hit.id, hit) for near in there for place, hit in enumerate(near)),
        key=lambda turn: turn[:3],
    )
    judged = [
        _found(records[hit.id], hit, verdicts[RecordId(hit.id)] if guard else None) for *_, hit in turns
    ]
    return SearchResult(
        found=tuple([one for one in judged if one.held_back is None][:limit]),
        held_back=tuple(one for one in judged if one.held_back is not None),
    )


def _verdicts(candidates: Sequence[Candidate]) -> dict[RecordId, Verdict]:
    """As recall has them, but that an origin may be found more than once: who searches counts no votes."""
    verdicts = review(candidates, minimum_similarity=_NO_THRESHOLD)
    return {
        record: Abstained(reason="no_quorum")
        if verdict.decision == "held_back" and verdict.reason == "same_origin"
        else verdict
        for record, verdict in verdicts.items()
    }


def _found(record: Record, hit: Hit, verdict: Verdict | None) -> Found:
    held_back = verdict.reason if verdict is not None and verdict.decision == "held_back" else None
    note = record if isinstance(record, NoteRecord) else None
    return Found(
        kind=record.kind,
        id=record.id,
        scope=record.scope,
        state=record.state,
        trust=record.trust,
        origin=record.origin,
        title=record.title if held_back is None else "",
        text=record.text if held_back is None else "",
        score=hit.score,
        similarity=hit.similarity,
        unverified=verdict is not None and verdict.decision == "abstained",
        held_back=held_back,
        thread=note and note.thread,
        position=note and note.position,
        at=note and note.at,
        created_at=record.created_at,
    )
