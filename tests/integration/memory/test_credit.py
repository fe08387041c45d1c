"""What becomes of tasks that were shown a memory comes back to it: counts, utility, edges, lift."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from core.database import Database, queries
from core.errors import InvalidInput, NotFound
from core.ids import AgentId, RecordId, TaskId, TenantId
from core.scopes import EVERY
from memory import FinishedTask, Recall
from memory.insight_graph import repository
from tests.integration.memory.conftest import IndexedMemory

Finished = Callable[..., FinishedTask]
NewTask = Callable[[TenantId], Awaitable[TaskId]]

GOAL = "Summarise the plan in the docs"
TENANT = frozenset({"tenant"})
SQL = queries.load(__file__, "insight_graph.sql")
ONE, OTHER = RecordId(UUID(int=1)), RecordId(UUID(int=2))


@pytest.fixture
async def seeded(database: Database, memory: IndexedMemory, tenant: TenantId) -> None:
    """Two pieces of advice about the goal."""
    async with database.unit_of_work(tenant, scopes=EVERY) as work:
        for one, text in ((ONE, "Read the summary first."), (OTHER, "Skip the appendix.")):
            await work.execute(SQL.seed_insight, {"tenant": tenant, "id": one, "about": GOAL, "text": text})


async def fetch(database: Database, tenant: TenantId, query: bytes, **row: Any) -> list[dict[str, Any]]:
    async with database.unit_of_work(tenant, scopes=EVERY) as work:
        return await work.fetch_all(query, row)


async def show(
    database: Database,
    memory: IndexedMemory,
    tenant: TenantId,
    *records: RecordId,
    held: RecordId | None = None,
) -> TaskId:
    """A task that was shown these, and had one withheld."""
    task, agent = TaskId(uuid4()), AgentId(uuid4())
    async with database.unit_of_work(tenant, scopes=EVERY) as work:
        rows: list[dict[str, Any]] = [
            {"record": str(one), "kind": "insight", "version": 1, "position": place, "decision": "used"}
            for place, one in enumerate(records)
        ]
        if held is not None:
            rows.append({"record": str(held), "kind": "insight", "version": 1, "decision": "withheld"})
        await repository.add_exposures(work, task, agent, rows)
    return task


@pytest.mark.usefixtures("seeded")
async def test_a_cited_insight_is_credited_more_and_a_withheld_one_only_counted(
    memory: IndexedMemory, database: Database, tenant: TenantId, finished: Finished
) -> None:
    task = await show(database, memory, tenant, ONE, held=OTHER)
    await memory.learn(finished(GOAL, task=task, reward=1.0, cited=frozenset({ONE})))
    task = await show(database, memory, tenant, ONE)
    await memory.learn(finished(GOAL, task=task, outcome="failed", reward=0.0))
    (one,) = await fetch(database, tenant, SQL.counters, id=ONE)
    assert (one["alpha"], one["beta"], one["shown"], one["shown_well"]) == (2.0, 1.5, 2, 1)
    assert one["utility"] == pytest.approx(0.5)
    (other,) = await fetch(database, tenant, SQL.counters, id=OTHER)
    assert (other["alpha"], other["beta"]) == (1.0, 1.0)
    assert (other["shown"], other["withheld"], other["withheld_well"]) == (0, 1, 1)


@pytest.mark.usefixtures("seeded")
async def test_what_people_say_counts_instead_and_in_any_order(
    memory: IndexedMemory, database: Database, tenant: TenantId, finished: Finished, new_task: NewTask
) -> None:
    async def judged(record: RecordId, *, first: bool) -> dict[str, Any]:
        task = await new_task(tenant)
        async with database.unit_of_work(tenant, scopes=EVERY) as work:
            await work.execute(
                b"INSERT INTO exposure (tenant_id, task_id, agent_id, record_id, kind, position, decision) "
                b"VALUES (%(tenant)s, %(task)s, %(agent)s, %(record)s, 'insight', 0, 'used')",
                {"tenant": tenant, "task": task, "agent": uuid4(), "record": record},
            )
        learned = finished(GOAL, task=task, reward=1.0)
        if not first:
            await memory.learn(learned)
        key = uuid4()
        for score in (0.75, 0.25):
            async with database.unit_of_work(tenant, scopes=EVERY) as work:
                await memory.feedback(work, task, score, key, note="not what I asked")
        if first:
            await memory.learn(learned)
        (row,) = await fetch(database, tenant, SQL.counters, id=record)
        return row

    before, after = await judged(ONE, first=True), await judged(OTHER, first=False)
    assert before == after
    assert (before["alpha"], before["beta"], before["shown"], before["shown_well"]) == (1.125, 1.375, 1, 0)
    with pytest.raises(InvalidInput):
        async with database.unit_of_work(tenant, scopes=EVERY) as work:
            await memory.feedback(work, TaskId(uuid4()), 7, uuid4())


@pytest.mark.usefixtures("seeded")
async def test_an_insight_that_hurts_retires_itself_and_is_recalled_no_more(
    memory: IndexedMemory, database: Database, tenant: TenantId, finished: Finished
) -> None:
    await memory.learn(finished(GOAL))
    retired: list[RecordId] = []
    for number in range(40):
        withheld = number % 5 == 0
        task = await show(
            database, memory, tenant, *(() if withheld else (ONE,)), held=ONE if withheld else None
        )
        learned = await memory.learn(finished(GOAL, task=task, reward=1.0 if withheld else 0.0))
        retired += learned.retired
        if retired:
            break
    assert retired == [ONE]
    (row,) = await fetch(database, tenant, SQL.counters, id=ONE)
    assert (row["state"], row["retired_for"]) == ("retired", "harm")
    lift = await memory.lift(tenant, ONE)
    assert lift.high < 0
    assert (lift.shown, lift.withheld_well) == (row["shown"], row["withheld"])
    recall = await memory.recall(tenant, GOAL, scopes=TENANT, limit=8)
    assert ONE not in {record.id for record in recall.used}
    with pytest.raises(NotFound):
        await memory.lift(tenant, RecordId(UUID(int=99)))


async def test_an_episode_that_was_used_in_a_success_helped(
    memory: IndexedMemory, database: Database, tenant: TenantId, finished: Finished
) -> None:
    first = await memory.learn(finished(GOAL))
    recall = await memory.recall(tenant, GOAL, scopes=TENANT)
    second = await learn_with(memory, database, finished, recall, reward=1.0)
    rows = await fetch(database, tenant, SQL.edges)
    assert [(row["kind"], row["src"], row["dst"]) for row in rows] == [
        ("helped", first.episode, second),
        ("similar", second, first.episode),
    ]
    await learn_with(memory, database, finished, recall, reward=0.0)
    rows = await fetch(database, tenant, SQL.edges)
    assert [row["kind"] for row in rows].count("helped") == 1, "one that failed was not helped"


async def learn_with(
    memory: IndexedMemory, database: Database, finished: Finished, recall: Recall, *, reward: float
) -> RecordId:
    task = finished(GOAL, reward=reward)
    positions = {record.id: place for place, record in enumerate(recall.used)}
    async with database.unit_of_work(task.tenant, scopes=EVERY) as work:
        await memory.record_exposures(work, task.task, AgentId(uuid4()), recall, positions)
    return (await memory.learn(task)).episode


@pytest.mark.usefixtures("seeded")
async def test_fifty_at_once_leave_the_counters_of_fifty_in_turn(
    memory: IndexedMemory,
    database: Database,
    tenant: TenantId,
    other_tenant: TenantId,
    finished: Finished,
) -> None:
    async def prepared(owner: TenantId) -> list[FinishedTask]:
        tasks: list[FinishedTask] = []
        for number in range(50):
            shown = [ONE] if number % 3 else [ONE, OTHER]
            task = await show(database, memory, owner, *shown, held=OTHER if number % 25 == 1 else None)
            tasks.append(
                finished(
                    f"{GOAL} {number % 4}",
                    owner=owner,
                    task=task,
                    origin=("ann", "bob", "cho")[number % 3],
                    reward=(number % 5) / 4,
                    cited=frozenset({ONE} if number % 2 else ()),
                    outcome="failed" if number % 5 == 0 else "done",
                )
            )
        return tasks

    async with database.unit_of_work(other_tenant, scopes=EVERY) as work:
        for one, text in ((ONE, "Read the summary first."), (OTHER, "Skip the appendix.")):
            await work.execute(
                SQL.seed_insight, {"tenant": other_tenant, "id": one, "about": GOAL, "text": text}
            )
    in_turn, at_once = await prepared(tenant), await prepared(other_tenant)
    for task in in_turn:
        await memory.learn(task)
    await asyncio.gather(*(memory.learn(task) for task in at_once))
    for query in (SQL.all_counters, SQL.clusters):
        rows = await fetch(database, tenant, query)
        others = await fetch(database, other_tenant, query)
        for row in [*rows, *others]:
            row.pop("utility", None)  # forgets the order after many tasks, and not before
            row["origins"] = set(row.get("origins", ()))
        assert rows == others
        assert rows
