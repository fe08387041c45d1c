from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID, uuid4

import numpy as np
import pytest
from numpy.typing import NDArray

from core.database import Database, queries
from core.errors import StorageError
from core.ids import TaskId, TenantId
from core.provenance import Provenance, Trust
from memory import Action, FinishedTask, Memory, Outcome, Step
from memory.ports import Collection, Hit, Point, Vectors

DIMENSIONS = 256


class HashEmbedder:
    """Words hashed to places of a vector: texts that share words are near each other."""

    name = "hash-1"
    dimensions = DIMENSIONS

    async def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                place = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % DIMENSIONS
                vectors[row, place] += 1
            vectors[row] /= max(1e-9, float(np.linalg.norm(vectors[row])))
        return vectors


class ListIndex:
    """The index port over a dictionary; `down` makes every call fail, `hanging` makes searches never end."""

    def __init__(self) -> None:
        self.points: dict[tuple[TenantId, Collection], dict[UUID, Point]] = {}
        self.down = False
        self.hanging = False

    def _of(self, tenant: TenantId, collection: Collection) -> dict[UUID, Point]:
        if self.down:
            raise StorageError("the index is down")
        return self.points.setdefault((tenant, collection), {})

    async def prepare(self) -> None: ...

    async def close(self) -> None: ...

    async def upsert(self, tenant: TenantId, collection: Collection, points: Sequence[Point]) -> None:
        self._of(tenant, collection).update({point.id: point for point in points})

    async def search(
        self,
        tenant: TenantId,
        collection: Collection,
        vector: NDArray[np.float32],
        *,
        limit: int,
        where: Mapping[str, str] | None = None,
    ) -> list[Hit]:
        if self.hanging:
            await asyncio.Event().wait()
        hits = [
            Hit(id=point.id, similarity=float(point.vector @ vector), payload=point.payload)
            for point in self._of(tenant, collection).values()
            if all(point.payload.get(key) == value for key, value in (where or {}).items())
        ]
        return sorted(hits, key=lambda hit: -hit.similarity)[:limit]

    async def delete(self, tenant: TenantId, collection: Collection, ids: Sequence[UUID]) -> None:
        for key in ids:
            self._of(tenant, collection).pop(key, None)

    async def count(self, tenant: TenantId, collection: Collection) -> int:
        return len(self._of(tenant, collection))


@pytest.fixture(scope="session")
def sql() -> queries.Queries:
    return queries.load(__file__)


@pytest.fixture
def index() -> ListIndex:
    return ListIndex()


@pytest.fixture
def memory(database: Database, index: ListIndex) -> Memory:
    return Memory(database=database, embedder=HashEmbedder(), index=index, index_seconds=0.5)


@pytest.fixture
def new_task(database: Database, sql: queries.Queries) -> Callable[[TenantId], Awaitable[TaskId]]:
    async def insert(tenant: TenantId) -> TaskId:
        task = TaskId(uuid4())
        async with database.unit_of_work(tenant) as work:
            await work.execute(sql.add_task, {"task": task, "tenant": tenant})
        return task

    return insert


READ = Action(tool="read_file", target="docs/plan.md", effect="pure")
SEARCH = Action(tool="search", target="docs", effect="pure")


@pytest.fixture
def finished(tenant: TenantId) -> Callable[..., FinishedTask]:
    """A finished task of the tenant, by anyone, that read and searched."""

    def build(
        goal: str = "Summarise the plan in the docs",
        *,
        origin: str = "ann",
        outcome: Outcome = "done",
        actions: tuple[Action, ...] = (READ, SEARCH),
        conclusion: str | None = "The plan has three parts.",
        trust: Trust = Trust.USER,
        owner: TenantId = tenant,
        scope: str = "tenant",
    ) -> FinishedTask:
        return FinishedTask(
            tenant=owner,
            task=TaskId(uuid4()),
            goal=goal,
            outcome=outcome,
            origin=origin,
            scope=scope,
            steps=(Step(title="Read the docs", status="done"),),
            actions=actions,
            conclusion=conclusion,
            provenance=Provenance(tenant=owner, trust=trust),
        )

    return build
