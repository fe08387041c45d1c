"""An embedder and an index without a model or a store: for tests that are not about either."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from core.ids import TenantId
from memory.ports import Collection, Hit, Point, Vectors


class HashEmbedder:
    """Words hashed to places of a vector: texts that share words are near each other."""

    dimensions = 384

    @property
    def name(self) -> str:
        return "hash-1"

    async def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                place = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % self.dimensions
                vectors[row, place] += 1
            vectors[row] /= max(1e-9, float(np.linalg.norm(vectors[row])))
        return vectors


class DictIndex:
    """The index port over a dictionary."""

    def __init__(self) -> None:
        self._points: dict[tuple[TenantId, Collection, UUID], Point] = {}

    async def prepare(self) -> None:
        """Nothing to make."""

    async def upsert(self, tenant: TenantId, collection: Collection, points: Sequence[Point]) -> None:
        self._points.update({(tenant, collection, point.id): point for point in points})

    async def search(
        self,
        tenant: TenantId,
        collection: Collection,
        vector: NDArray[np.float32],
        *,
        limit: int,
        where: Mapping[str, str] | None = None,
    ) -> list[Hit]:
        wanted = dict(where or {})
        hits = [
            Hit(id=point.id, similarity=float(point.vector @ vector), payload=point.payload)
            for (owner, within, _), point in self._points.items()
            if owner == tenant and within == collection and wanted.items() <= point.payload.items()
        ]
        return sorted(hits, key=lambda hit: -hit.similarity)[:limit]

    async def delete(self, tenant: TenantId, collection: Collection, ids: Sequence[UUID]) -> None:
        for one in ids:
            self._points.pop((tenant, collection, one), None)

    async def count(self, tenant: TenantId, collection: Collection) -> int:
        return sum(key[:2] == (tenant, collection) for key in self._points)

    async def close(self) -> None:
        """Holds nothing."""
