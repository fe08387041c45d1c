"""What memory needs from outside: vectors for texts, and an index that finds the nearest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from core.database import UnitOfWork
from core.ids import TenantId

Vectors = NDArray[np.float32]
"""Shape (texts, dimensions); every row has length 1."""

Collection = Literal["episode", "insight", "note"]

Where = Mapping[str, str | Sequence[str]]
"""What a payload must equal: one value for each key, or any one of several. No values match nothing."""


@dataclass(frozen=True, kw_only=True)
class Indexed:
    """A record as its index keeps it.

    Attributes:
        id: the record's.
        text: what it is found by, word for word and by meaning.
        payload: what a search may filter on. Where records follow one another in a conversation, `thread`
            names it and `position` is a whole number in decimals: such neighbours lift each other in a search
            that has words.
    """

    id: UUID
    text: str
    payload: Mapping[str, str] = field(default_factory=dict[str, str])


class Source(Protocol):
    """What a collection's rows look like to the index. Records that are not given may not be found."""

    async def texts(self, work: UnitOfWork, ids: Sequence[UUID]) -> list[Indexed]:
        """Those of the records that may be found, as their rows are now, in any order."""
        ...

    async def after(self, work: UnitOfWork, last: UUID, most: int) -> list[Indexed]:
        """The records that may be found with an id after `last`, by id; fewer than `most` only at the end."""
        ...


@dataclass(frozen=True, kw_only=True)
class Point:
    """One indexed record: `Indexed`, with the vector of its text."""

    id: UUID
    vector: NDArray[np.float32]
    text: str = ""
    payload: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class Hit:
    """A record that was found.

    Attributes:
        id: the record's.
        similarity: cosine, -1 to 1.
        score: what hits are ordered by, comparable within one search only; the similarity, where the search
            had no words.
        payload: as it was given.
    """

    id: UUID
    similarity: float
    score: float
    payload: Mapping[str, str]


class Embedder(Protocol):
    """Turns texts into unit vectors. The same name and version always gives the same vectors."""

    @property
    def name(self) -> str:
        """Name and version; an index made with one name is never searched with another."""
        ...

    @property
    def dimensions(self) -> int: ...

    async def embed(self, texts: Sequence[str]) -> Vectors: ...


class VectorIndex(Protocol):
    """A rebuildable index of records. No call can be made without the tenant (law 9)."""

    async def prepare(self) -> None:
        """Create what the index needs in its store; safe to repeat."""
        ...

    async def upsert(self, tenant: TenantId, collection: Collection, points: Sequence[Point]) -> None: ...

    async def search(
        self,
        tenant: TenantId,
        collection: Collection,
        vector: NDArray[np.float32],
        *,
        text: str | None = None,
        limit: int,
        where: Where | None = None,
    ) -> list[Hit]:
        """The best records whose payload equals `where` in every key, best first.

        Args:
            tenant: whose records.
            collection: which of them.
            vector: of what is looked for.
            text: its words; with them, records that share words are found beside those near in meaning.
            limit: hits at most.
            where: no other records are found.
        """
        ...

    async def delete(self, tenant: TenantId, collection: Collection, ids: Sequence[UUID]) -> None: ...

    async def count(self, tenant: TenantId, collection: Collection) -> int: ...

    async def digests(
        self, tenant: TenantId, collection: Collection, ids: Sequence[UUID]
    ) -> Mapping[UUID, str]:
        """`memory.index.points.digest_of` of those of the records that have a point."""
        ...

    def pages(self, tenant: TenantId, collection: Collection) -> AsyncIterator[Sequence[UUID]]:
        """The ids of all points, in any order."""
        ...

    async def destroy(self) -> None:
        """Remove the points of all tenants; nothing may search them any more."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Generation:
    """One whole index: whatever it holds was embedded by its embedder."""

    embedder: Embedder
    index: VectorIndex


class Generations(Protocol):
    """Which indexes there are."""

    async def live(self) -> Sequence[Generation]:
        """Those that take in what changes: the one that is searched, and one that is being built."""
        ...
