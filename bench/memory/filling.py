"""Fills the tables as an administrator does who moves house: COPY first, indexes afterwards."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager

import orjson
from psycopg import AsyncConnection

from bench.memory.corpus import Corpus, Task
from core.ids import TenantId
from core.provenance import Provenance, Trust
from memory.index.points import digest_of
from memory.index.weights import TERMS, Weights, weights_of
from memory.ports import Vectors

CHUNK = 5_000
FEW = 20_000
"""Up to so many rows the indexes stay while they are written."""

GRAPH = "vector_point_nearest_384_episode"
TERM_INDEX = "vector_point_terms"
PLAIN_GRAPH = "plain_nearest"

_POINTS = (
    b"COPY vector_point (tenant_id, collection, generation, id, vector, payload, terms, weights, digest) "
    b"FROM STDIN"
)
_EPISODES = (
    b"COPY episode (tenant_id, id, task_id, goal, outcome, actions, steps, conclusion, provenance, origin, "
    b"state) FROM STDIN"
)
_PLAIN = b"COPY plain (id, payload, vector) FROM STDIN"


class Filler:
    """Writes tasks as episodes with their points, and the same vectors into a plain table beside them."""

    def __init__(self, admin: AsyncConnection, corpus: Corpus, tenant: TenantId, generation: str) -> None:
        self._admin = admin
        self._corpus = corpus
        self._tenant = tenant
        self._generation = generation
        self._provenance = Provenance(tenant=tenant, trust=Trust.USER).model_dump_json()

    async def prepare(self) -> None:
        """The tenant, and a table as somebody would make it who only wants vectors."""
        await self._admin.execute(
            "INSERT INTO tenant (id, name) VALUES (%s, 'bench') ON CONFLICT DO NOTHING", (self._tenant,)
        )
        await self._admin.execute(
            "SET maintenance_work_mem = '3GB'; SET max_parallel_maintenance_workers = 2"
        )
        await self._admin.execute(
            "CREATE TABLE plain (id uuid PRIMARY KEY, payload jsonb NOT NULL, vector vector(384) NOT NULL);"
            "ALTER TABLE plain ALTER COLUMN vector SET STORAGE PLAIN;"
            f"CREATE INDEX {PLAIN_GRAPH} ON plain USING hnsw (vector vector_cosine_ops);"
            "GRANT SELECT ON plain TO treehold_app"
        )

    async def fill(self, first: int, count: int) -> dict[str, float]:
        """Write so many tasks; returns seconds by what they went for."""
        spent = {"rows": 0.0, "plain": 0.0}
        async with self._without_indexes(rebuild=count > FEW) as indexing:
            for start in range(first, first + count, CHUNK):
                tasks = self._corpus.tasks(start, min(CHUNK, first + count - start))
                vectors = self._corpus.vectors(tasks)
                began = time.perf_counter()
                await self._copy(_EPISODES, self._episodes(tasks))
                await self._copy(_POINTS, self._points(tasks, vectors))
                middle = time.perf_counter()
                await self._copy(_PLAIN, self._plain(tasks, vectors))
                spent["rows"] += middle - began
                spent["plain"] += time.perf_counter() - middle
        await self._admin.execute("VACUUM ANALYZE vector_point, episode, term_count, plain")
        return spent | indexing

    async def bytes_of(self, *relations: str) -> int:
        """On disk, indexes included."""
        found = 0
        for relation in relations:
            cursor = await self._admin.execute("SELECT pg_total_relation_size(%s::regclass)", (relation,))
            row = await cursor.fetchone()
            found += int(row[0]) if row else 0
        return found

    @asynccontextmanager
    async def _without_indexes(self, *, rebuild: bool) -> AsyncGenerator[dict[str, float]]:
        """A graph is built many times faster over rows that are there than row by row."""
        spent: dict[str, float] = {}
        made: dict[str, str] = {}
        for name in (GRAPH, TERM_INDEX, PLAIN_GRAPH) if rebuild else ():
            cursor = await self._admin.execute("SELECT pg_get_indexdef(%s::regclass)", (name,))
            row = await cursor.fetchone()
            assert row is not None
            made[name] = str(row[0])
            await self._admin.execute(f"DROP INDEX {name}".encode())
        yield spent
        for name, definition in made.items():
            began = time.perf_counter()
            await self._admin.execute(definition.encode())
            spent[name] = time.perf_counter() - began

    async def _copy(self, statement: bytes, lines: Iterator[str]) -> None:
        async with self._admin.cursor() as cursor, cursor.copy(statement) as copy:
            for line in lines:
                await copy.write(line)

    def _episodes(self, tasks: Sequence[Task]) -> Iterator[str]:
        actions = orjson.dumps(
            [
                {"tool": "read_file", "target": "docs/a.md", "effect": "pure"},
                {"tool": "search_text", "target": "docs", "effect": "pure"},
            ]
        ).decode()
        steps = '[{"title": "Read", "status": "done"}]'
        for task in tasks:
            yield _line(
                self._tenant, task.id, task.id, task.goal, "done", actions, steps, "It was done.",
                self._provenance, task.origin, "active",
            )  # fmt: skip

    def _points(self, tasks: Sequence[Task], vectors: Vectors) -> Iterator[str]:
        for task, vector in zip(tasks, vectors, strict=True):
            payload = payload_of(task)
            weights = weights_of(self._tenant, "episode", task.goal)
            values = [
                self._tenant,
                "episode",
                self._generation,
                task.id,
                _vector(vector),
                orjson.dumps(payload).decode(),
                "{" + ",".join(map(str, weights)) + "}",
                _sparse(weights),
                digest_of(task.goal, payload),
            ]
            yield _line(*values)

    def _plain(self, tasks: Sequence[Task], vectors: Vectors) -> Iterator[str]:
        for task, vector in zip(tasks, vectors, strict=True):
            yield _line(task.id, orjson.dumps(payload_of(task)).decode(), _vector(vector))


def payload_of(task: Task) -> dict[str, str]:
    """As the source of episodes makes it."""
    return {"scope": "tenant", "origin": task.origin, "outcome": "done"}


def _line(*values: object) -> str:
    return "\t".join(str(value) for value in values) + "\n"


def _vector(vector: Vectors) -> str:
    return orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def _sparse(weights: Weights) -> str:
    return "{" + ",".join(f"{term}:{weight}" for term, weight in weights.items()) + f"}}/{TERMS}"
