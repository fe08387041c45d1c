from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from bench.support.vectors import DictIndex, HashEmbedder
from core.database import Database, queries
from core.ids import RecordId, TaskId, TenantId
from core.provenance import Provenance, Trust
from memory import Action, FinishedTask, Memory, Outcome, Step, Utterance
from memory.index.generations import OneGeneration
from memory.index.indexer import Indexer
from memory.insight_graph import EpisodeSource, InsightSource
from memory.ports import Collection, Source


@pytest.fixture(scope="session")
def sql() -> queries.Queries:
    return queries.load(__file__)


@pytest.fixture
def index() -> DictIndex:
    return DictIndex()


class IndexedMemory(Memory):
    """What it learns is in the index at once, as it is a moment later in a deployment."""

    def __init__(self, database: Database, index: DictIndex) -> None:
        embedder = HashEmbedder()
        sources: dict[Collection, Source] = {"episode": EpisodeSource(), "insight": InsightSource()}
        self.indexer = Indexer(database, sources, OneGeneration(embedder, index))
        super().__init__(
            database=database, embedder=embedder, index=index, index_seconds=0.5, indexer=self.indexer
        )


@pytest.fixture
def memory(database: Database, index: DictIndex) -> IndexedMemory:
    return IndexedMemory(database, index)


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
        task: TaskId | None = None,
        reward: float | None = None,
        cited: frozenset[RecordId] = frozenset(),
        utterances: tuple[Utterance, ...] = (),
    ) -> FinishedTask:
        return FinishedTask(
            tenant=owner,
            task=task or TaskId(uuid4()),
            goal=goal,
            outcome=outcome,
            origin=origin,
            scope=scope,
            steps=(Step(title="Read the docs", status="done"),),
            actions=actions,
            conclusion=conclusion,
            reward=reward,
            cited=cited,
            utterances=utterances,
            provenance=Provenance(tenant=owner, trust=trust),
        )

    return build
