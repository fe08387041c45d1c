from __future__ import annotations

from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from bench.support.vectors import DictIndex, HashEmbedder
from core.database import Database, queries
from core.ids import TaskId, TenantId
from core.provenance import Provenance, Trust
from memory import Action, FinishedTask, Memory, Outcome, Step


@pytest.fixture(scope="session")
def sql() -> queries.Queries:
    return queries.load(__file__)


@pytest.fixture
def index() -> DictIndex:
    return DictIndex()


@pytest.fixture
def memory(database: Database, index: DictIndex) -> Memory:
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
