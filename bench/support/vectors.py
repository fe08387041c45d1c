"""An embedder and an index without a model or a store: for tests that are not about either."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from core.errors import StorageError
from core.ids import TenantId
from memory.index.points import digest_of
from memory.ports import Collection, Hit, Point, Vectors, Where


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
    """The index port over a dictionary; `down` makes every call fail, `hanging` makes searches never end."""

    def __init__(self) -> None:
        self.points: dict[tuple[TenantId, Collection], dict[UUID, Point]] = {}
        self.down = False
        self.hanging = False

    def _of(self, tenant: TenantId, collection: Collection) -> dict[UUID, Point]:
        if self.down:
            raise StorageError("the index is down")
        return self.points.setdefault((tenant, collection), {})

    async def prepare(self) -> None:
        """Nothing to make."""

    async def close(self) -> None:
        """Holds nothing."""

    async def upsert(self, tenant: TenantId, collection: Collection, points: Sequence[Point]) -> None:
        self._of(tenant, collection).update({point.id: point for point in points})

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
        if self.hanging:
            await asyncio.Event().wait()
        near = {
            point.id: float(point.vector @ vector)
            for point in self._of(tenant, collection).values()
            if allows(where or {}, point.payload)
        }
        points = self._of(tenant, collection)
        hits = [
            Hit(id=one, similarity=cosine, score=cosine, payload=points[one].payload)
            for one, cosine in near.items()
        ]
        return sorted(hits, key=lambda hit: -hit.similarity)[:limit]

    async def delete(self, tenant: TenantId, collection: Collection, ids: Sequence[UUID]) -> None:
        for key in ids:
            self._of(tenant, collection).pop(key, None)

    async def count(self, tenant: TenantId, collection: Collection) -> int:
        return len(self._of(tenant, collection))

    async def digests(
        self, tenant: TenantId, collection: Collection, ids: Sequence[UUID]
    ) -> Mapping[UUID, str]:
        points = self._of(tenant, collection)
        return {one: digest_of(points[one].text, points[one].payload) for one in ids if one in points}

    async def pages(self, tenant: TenantId, collection: Collection) -> AsyncIterator[Sequence[UUID]]:
        yield list(self._of(tenant, collection))

    async def destroy(self) -> None:
        self.points.clear()


def allows(where: Where, payload: Mapping[str, str]) -> bool:
    """Whether a payload has, for each key, one of the values that are asked for."""
    return all(
        payload.get(key) in ([allowed] if isinstance(allowed, str) else allowed)
        for key, allowed in where.items()
    )
