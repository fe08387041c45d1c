from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from uuid import UUID

import numpy as np
import pytest

from core.database import Database
from memory.embedder import MiniLm
from memory.index import PgVectorIndex, QdrantIndex
from memory.ports import Embedder, Point, VectorIndex, Vectors

DIMENSIONS = 384

IndexMaker = Callable[[Embedder], VectorIndex]
"""Another index over the same store, for another embedder."""


@pytest.fixture(params=["pgvector", "pgvector-graph", "qdrant"])
def make_index(request: pytest.FixtureRequest, database: Database) -> IndexMaker:
    match request.param:
        case "pgvector":
            return lambda embedder: PgVectorIndex(database, embedder)
        case "pgvector-graph":
            return lambda embedder: PgVectorIndex(database, embedder, exact_points=0)
        case _:
            return lambda embedder: QdrantIndex(":memory:", None, embedder)


@pytest.fixture
async def index(make_index: IndexMaker) -> AsyncIterator[VectorIndex]:
    made = make_index(MiniLm())
    await made.prepare()
    yield made
    await made.close()


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(20_250_101)


@pytest.fixture
def unit_vectors(random: np.random.Generator) -> Callable[..., Vectors]:
    """Unit vectors, around one direction where that is given: the smaller the spread the nearer to it."""

    def make(count: int, *, around: Vectors | None = None, spread: float = 1.0) -> Vectors:
        vectors = random.standard_normal((count, DIMENSIONS)).astype(np.float32)
        if around is not None:
            vectors = around + vectors * np.float32(spread / np.sqrt(DIMENSIONS))
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    return make


@pytest.fixture
def at_angle() -> Callable[[float], Vectors]:
    """The unit vector in a fixed plane at so many degrees; the one at 0 is what the tests search for."""

    def make(degrees: float) -> Vectors:
        vector = np.zeros(DIMENSIONS, dtype=np.float32)
        vector[0], vector[1] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        return vector

    return make


@pytest.fixture
def point(at_angle: Callable[[float], Vectors]) -> Callable[..., Point]:
    def make(number: int, degrees: float = 0, **payload: str) -> Point:
        return Point(id=UUID(int=number), vector=at_angle(degrees), payload=payload)

    return make
