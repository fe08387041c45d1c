"""The same records in the Qdrant adapter, beside plain retrieval by its client."""

from __future__ import annotations

import time
from dataclasses import dataclass

from qdrant_client import AsyncQdrantClient, models

from bench.memory.corpus import Corpus
from bench.memory.filling import payload_of
from bench.memory.scale import FOUND, TENANT, Bench, Timing, timed
from memory.index import QdrantIndex
from memory.index.qdrant import IN_MEMORY
from memory.ports import Point

CHUNK = 5_000
PLAIN = "plain"


@dataclass(frozen=True, kw_only=True)
class InQdrant:
    """`local` is the client's own mode: one process, every vector compared in numpy."""

    records: int
    local: bool
    fill_seconds: float
    recall: Timing
    plain: Timing

    def in_words(self) -> str:
        where = "in the client's local mode, which compares every vector" if self.local else "on the server"
        return (
            f"Qdrant adapter, {self.records:,} records {where}: recall {self.recall.p50:.1f} / "
            f"{self.recall.p95:.1f} ms, plain retrieval {self.plain.p50:.1f} / {self.plain.p95:.1f} ms; "
            f"filled in {self.fill_seconds:.0f} s"
        )

    def figures(self) -> dict[str, float | str]:
        return {
            "qdrant_mode": "local" if self.local else "server",
            "qdrant_records": self.records,
            "qdrant_recall_p50_ms": self.recall.p50,
            "qdrant_recall_p95_ms": self.recall.p95,
            "qdrant_plain_p50_ms": self.plain.p50,
            "qdrant_fill_s": round(self.fill_seconds, 1),
        }


async def measure_qdrant(
    bench: Bench, corpus: Corpus, records: int, *, url: str | None, questions: int
) -> InQdrant:
    """Fill an index of its own, ask it through `Memory`, and ask a collection with nothing but vectors."""
    index = QdrantIndex(url or IN_MEMORY, None, bench.embedder)
    plain = AsyncQdrantClient(location=IN_MEMORY) if url is None else AsyncQdrantClient(url=url)
    asked = questions if url else max(10, questions // 10)
    try:
        await index.prepare()
        await plain.create_collection(
            PLAIN, vectors_config=models.VectorParams(size=384, distance=models.Distance.COSINE)
        )
        spent = 0.0
        for start in range(0, records, CHUNK):
            tasks = corpus.tasks(start, min(CHUNK, records - start))
            vectors = corpus.vectors(tasks)
            began = time.perf_counter()
            points = [
                Point(id=task.id, vector=vector, text=task.goal, payload=payload_of(task))
                for task, vector in zip(tasks, vectors, strict=True)
            ]
            await index.upsert(TENANT, "episode", points)
            spent += time.perf_counter() - began
            await plain.upsert(
                PLAIN,
                models.Batch(ids=[str(task.id) for task in tasks], vectors=vectors.tolist()),
            )
        recall = await bench.recall_through(index, asked)
        words = bench.questions(asked, 5)
        known = dict(zip(words, await bench.embedder.embed(words), strict=True))

        async def search(question: str) -> None:
            await plain.query_points(PLAIN, known[question].tolist(), limit=FOUND)

        found = await timed(words, search)
    finally:
        await index.close()
        await plain.close()
    return InQdrant(records=records, local=url is None, fill_seconds=spent, recall=recall, plain=found)
