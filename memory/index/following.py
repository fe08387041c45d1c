"""Embedder and index of whichever generation is current.

A vector is searched for in the generation whose embedder made it, unless a switch comes between the two: then
one search finds nothing near, or is refused for the vector's length.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigurationError, StorageError
from core.ids import TenantId
from memory.index.generations import StoredGeneration, StoredGenerations
from memory.ports import Collection, Hit, Point, VectorIndex, Vectors, Where


class CurrentEmbedder:
    """Makes vectors that the current generation can be searched with."""

    def __init__(self, generations: StoredGenerations) -> None:
        self._generations = generations
        self._name, self._dimensions = "", 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def dimensions(self) -> int:
        return self._dimensions

    async def embed(self, texts: Sequence[str]) -> Vectors:
        embedder = (await _current(self._generations)).embedder
        self._name, self._dimensions = embedder.name, embedder.dimensions
        return await embedder.embed(texts)


class CurrentIndex:
    """The index port over the current generation."""

    def __init__(self, generations: StoredGenerations) -> None:
        self._generations = generations

    async def prepare(self) -> None:
        await self._generations.prepare()

    async def upsert(self, tenant: TenantId, collection: Collection, points: Sequence[Point]) -> None:
        await (await self._index()).upsert(tenant, collection, points)

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
        index = await self._index()
        return await index.search(tenant, collection, vector, text=text, limit=limit, where=where)

    async def delete(self, tenant: TenantId, collection: Collection, ids: Sequence[UUID]) -> None:
        await (await self._index()).delete(tenant, collection, ids)

    async def count(self, tenant: TenantId, collection: Collection) -> int:
        return await (await self._index()).count(tenant, collection)

    async def digests(
        self, tenant: TenantId, collection: Collection, ids: Sequence[UUID]
    ) -> Mapping[UUID, str]:
        return await (await self._index()).digests(tenant, collection, ids)

    async def pages(self, tenant: TenantId, collection: Collection) -> AsyncIterator[Sequence[UUID]]:
        async for page in (await self._index()).pages(tenant, collection):
            yield page

    async def destroy(self) -> None:
        raise StorageError("the current generation of the index is not destroyed, but replaced")

    async def close(self) -> None:
        await self._generations.close()

    async def _index(self) -> VectorIndex:
        return (await _current(self._generations)).index


async def _current(generations: StoredGenerations) -> StoredGeneration:
    """A generation that came to be while this process ran, and that it cannot search, is a failing store."""
    try:
        return await generations.current()
    except ConfigurationError as error:
        raise StorageError(error.message) from error
