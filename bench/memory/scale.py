"""Recall and writing at growing sizes, in Postgres, beside plain pgvector; a rebuild."""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID, uuid4

import orjson
from psycopg import AsyncConnection

from bench.memory.corpus import Corpus, Task
from bench.memory.filling import Filler
from bench.support.site import TemporarySite
from core.clock import SystemClock
from core.database import Database
from core.ids import TaskId, TenantId
from core.provenance import Provenance, Trust
from memory import Action, FinishedTask, Memory, Step
from memory.embedder import MiniLm
from memory.index import PgVectorIndex
from memory.index.generations import OneGeneration, StoredGenerations
from memory.index.indexer import Indexer
from memory.index.rebuild import Rebuilder
from memory.insight_graph.sources import EpisodeSource, InsightSource
from memory.ports import Collection, Embedder, Source, VectorIndex, Vectors

TENANT = TenantId(UUID(int=77))
SOURCES: dict[Collection, Source] = {"episode": EpisodeSource(), "insight": InsightSource()}

WARM_UP = 20
FOUND = 10
"""Results of a search."""

_PLAIN_SEARCH = b"SELECT id, payload FROM plain ORDER BY vector <=> %s::vector LIMIT 10"

Asked = TypeVar("Asked")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Milliseconds."""

    p50: float
    p95: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Timing:
        milliseconds = [1000 * one for one in seconds]
        return cls(
            p50=round(statistics.median(milliseconds), 2),
            p95=round(statistics.quantiles(milliseconds, n=20)[-1], 2),
        )


@dataclass(kw_only=True)
class Size:
    """What was measured at one size."""

    records: int
    timings: dict[str, Timing] = field(default_factory=dict[str, Timing])
    filled: dict[str, float] = field(default_factory=dict[str, float])
    index_bytes: int = 0
    plain_bytes: int = 0
    peak_megabytes: int = 0


class KnownEmbedder:
    """MiniLM, but for texts of the corpus, whose vectors are known: a rebuild is timed without embedding."""

    def __init__(self, corpus: Corpus, real: MiniLm) -> None:
        self._corpus = corpus
        self._real = real
        self._tasks: dict[str, Task] = {}

    name = "bench"
    dimensions = 384

    def know(self, tasks: Sequence[Task]) -> None:
        self._tasks |= {task.goal: task for task in tasks}

    async def embed(self, texts: Sequence[str]) -> Vectors:
        if texts and all(text in self._tasks for text in texts):
            return self._corpus.vectors([self._tasks[text] for text in texts])
        return await self._real.embed(texts)


class Hurried(SystemClock):
    """Does not wait for other processes to let the old index go: there are none."""

    async def sleep(self, seconds: float) -> None:
        """At once."""


class Bench:
    """Memory over one database that grows."""

    def __init__(self, database: Database, admin: AsyncConnection, corpus: Corpus, real: MiniLm) -> None:
        self.embedder = KnownEmbedder(corpus, real)
        self.index = PgVectorIndex(database, self.embedder)
        self.filler = Filler(admin, corpus, TENANT, f"{self.embedder.name}#1")
        self._database = database
        self._admin = admin
        self._corpus = corpus
        self._memory = self.memory(self.index)
        self._records = 0

    def memory(self, index: VectorIndex) -> Memory:
        """Over an index of the same records."""
        indexer = Indexer(self._database, SOURCES, OneGeneration(self.embedder, index))
        return Memory(database=self._database, embedder=self.embedder, index=index, indexer=indexer)

    async def grow(self, records: int, *, questions: int, writes: int) -> Size:
        """Fill up to so many records, then ask and write."""
        size = Size(records=records)
        size.filled = await self.filler.fill(self._records, records - self._records)
        self._records = records
        asked = self.questions(questions)
        size.timings["recall"] = await timed(asked, lambda question: self._recall(self._memory, question))
        size.timings["embedding"] = await timed(self.questions(questions, 1), self._embed)
        size.timings |= await self._searches(self.questions(questions, 2))
        size.timings["write"] = await timed(list(range(writes)), self._learn, warm_up=3)
        size.index_bytes = await self.filler.bytes_of("vector_point", "term_count")
        size.plain_bytes = await self.filler.bytes_of("plain")
        size.peak_megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        return size

    def questions(self, count: int, variant: int = 0) -> list[str]:
        """Spread over all records; each variant asks anew, so that nothing is in a cache."""
        step = max(1, self._records // (count + WARM_UP))
        tasks = [self._corpus.tasks(at * step, 1)[0] for at in range(count + WARM_UP)]
        return [self._corpus.question(task, variant) for task in tasks]

    async def recall_through(self, index: VectorIndex, questions: int) -> Timing:
        """Recall over another index of the same records."""
        memory = self.memory(index)
        return await timed(self.questions(questions, 3), lambda question: self._recall(memory, question))

    async def rebuild(self) -> float:
        """Seconds of a rebuild in which every vector is known."""
        for start in range(0, self._records, 10_000):
            self.embedder.know(self._corpus.tasks(start, min(10_000, self._records - start)))
        await self._admin.execute(
            "INSERT INTO index_generation (embedder, name, dimensions, state) "
            "VALUES ('bench', 'bench', 384, 'current')"
        )
        clock = Hurried()
        generations = StoredGenerations(self._database, clock, self._open, self._index, chosen="bench")
        began = time.perf_counter()
        await Rebuilder(self._database, clock, generations, SOURCES).rebuild()
        return time.perf_counter() - began

    async def _open(self, name: str, dimensions: int | None) -> Embedder:
        return self.embedder

    def _index(self, embedder: Embedder, generation: int) -> VectorIndex:
        return PgVectorIndex(self._database, embedder, generation=generation)

    async def _recall(self, memory: Memory, question: str) -> None:
        found = await memory.recall(TENANT, question, scopes={"tenant"})
        assert not found.degraded, found.reason
        assert found.used, "nothing was recalled"

    async def _embed(self, question: str) -> None:
        await self.embedder.embed([question])

    async def _searches(self, questions: Sequence[str]) -> dict[str, Timing]:
        """The index alone, and plain pgvector: both with the vector given."""
        vectors = dict(zip(questions, await self.embedder.embed(questions), strict=True))

        async def hybrid(question: str) -> None:
            await self.index.search(
                TENANT, "episode", vectors[question], text=question, limit=FOUND, where={"scope": "tenant"}
            )

        async def dense(question: str) -> None:
            await self.index.search(
                TENANT, "episode", vectors[question], limit=FOUND, where={"scope": "tenant"}
            )

        async def plain(question: str) -> None:
            vector = orjson.dumps(vectors[question], option=orjson.OPT_SERIALIZE_NUMPY).decode()
            async with self._database.plumbing() as connection:
                await (await connection.execute(_PLAIN_SEARCH, (vector,))).fetchall()

        arms = {"index hybrid": hybrid, "index dense": dense, "plain pgvector": plain}
        return {name: await timed(questions, search) for name, search in arms.items()}

    async def _learn(self, number: int) -> None:
        """One finished task, by itself: its rows, its vector and its place in the index."""
        (task,) = self._corpus.tasks(50_000_000 + self._records + number, 1)
        await self._memory.learn(
            FinishedTask(
                tenant=TENANT,
                task=TaskId(uuid4()),
                goal=task.goal,
                outcome="done",
                origin=task.origin,
                steps=(Step(title="Read", status="done"),),
                actions=(Action(tool="read_file", target="docs/a.md", effect="pure"),),
                conclusion="It was done.",
                provenance=Provenance(tenant=TENANT, trust=Trust.USER),
            )
        )


async def timed(
    asked: Sequence[Asked], run: Callable[[Asked], Awaitable[None]], *, warm_up: int = WARM_UP
) -> Timing:
    """One after another; the first few are not counted."""
    seconds: list[float] = []
    for one in asked:
        began = time.perf_counter()
        await run(one)
        seconds.append(time.perf_counter() - began)
    return Timing.of(seconds[warm_up:])


@asynccontextmanager
async def opened(site: TemporarySite, corpus: Corpus, real: MiniLm) -> AsyncGenerator[Bench]:
    database = Database(site.conninfo, size=4, patience=600)
    await database.open()
    try:
        bench = Bench(database, site.admin, corpus, real)
        await bench.filler.prepare()
        yield bench
    finally:
        await database.close()
