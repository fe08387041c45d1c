from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

from core.database import Database
from memory.index import PgVectorIndex
from memory.index.qdrant import QdrantIndex
from memory.ports import Embedder, Point, VectorIndex, Vectors

DIMENSIONS = 384
EXACT_POINTS = 50
"""Few, so that the suite reaches pgvector's HNSW index too."""

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class NamedEmbedder:
    """Has a name and a size; texts are never given to it."""

    name: str
    dimensions: int = DIMENSIONS

    async def embed(self, texts: Sequence[str]) -> Vectors:
        raise AssertionError(f"an index embeds nothing, but was asked to embed {len(texts)} texts")


OpenIndex = Callable[[Embedder], Awaitable[VectorIndex]]


@pytest.fixture(params=["pgvector", "qdrant"])
async def open_index(request: pytest.FixtureRequest) -> AsyncIterator[OpenIndex]:
    """Opens indexes over one store, each prepared for its embedder."""
    opened: list[VectorIndex] = []

    async def over_postgres(embedder: Embedder) -> VectorIndex:
        opened.append(PgVectorIndex(database, embedder, exact_points=EXACT_POINTS))
        await opened[-1].prepare()
        return opened[-1]

    async def over_qdrant(embedder: Embedder) -> VectorIndex:
        index = QdrantIndex(None, None, embedder, location=":memory:")
        if opened and isinstance(opened[0], QdrantIndex):
            index = opened[0].sharing(embedder)
        opened.append(index)
        await index.prepare()
        return index

    if request.param == "pgvector":
        database: Database = request.getfixturevalue("database")
        yield over_postgres
    else:
        yield over_qdrant
    for index in opened:
        await index.close()
