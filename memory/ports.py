"""What memory needs from outside: vectors for texts, and an index that finds the nearest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from core.ids import TenantId

Vectors = NDArray[np.float32]
"""Shape (texts, dimensions); every row has length 1."""

Collection = Literal["episode", "insight"]


@dataclass(frozen=True, kw_only=True)
class Point:
    """One indexed record. `payload` holds what a search may filter on."""

    id: UUID
    vector: NDArray[np.float32]
    payload: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class Hit:
    id: UUID
    similarity: float
    """Cosine, -1 to 1."""
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
        limit: int,
        where: Mapping[str, str] | None = None,
    ) -> list[Hit]:
        """The nearest records whose payload equals `where` in every key, nearest first."""
        ...

    async def delete(self, tenant: TenantId, collection: Collection, ids: Sequence[UUID]) -> None: ...

    async def count(self, tenant: TenantId, collection: Collection) -> int: ...

    async def close(self) -> None: ...
