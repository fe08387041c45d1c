from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import uuid4

import psycopg
import pytest
from pydantic import JsonValue

from core.database import Database, queries
from core.errors import NotFound
from core.ids import TaskId, TenantId
from core.provenance import Provenance, Trust
from memory.task_tree import (
    Conversation,
    Create,
    Diff,
    Interpreter,
    Link,
    Operation,
    OperationRefused,
    PostgresStore,
    Retire,
    Rollback,
    SetStatus,
    SetValue,
    Share,
    Shown,
    TaskTree,
    Tree,
)

NewTask = Callable[[TenantId], Awaitable[TaskId]]

PLAN = (
    Create(key="city", title="City", value="Rome"),
    Create(key="trip", title="Trip"),
    Create(
        key="hotel", title="Hotel", parent="trip", depends_on=("city",), value={"name": "Forum", "stars": 4}
    ),
    Create(key="bill", title="Bill", parent="trip", depends_on=("hotel", "city"), value=[120, 1.5, None]),
)


class Planner:
    """Applies turns to one task, each in its own transaction."""

    def __init__(self, database: Database, tenant: TenantId, task: TaskId) -> None:
        self.database, self.tenant, self.task = database, tenant, task
        self.turns = 0

    async def turn(self, *operations: Operation, change_id: str | None = None) -> Diff:
        self.turns += 1
        async with self.database.unit_of_work(self.tenant) as work:
            return await TaskTree().apply(
                work,
                self.task,
                operations,
                actor="user",
                change_id=change_id or f"turn-{self.turns}",
                provenance=Provenance(tenant=self.tenant, trust=Trust.USER),
            )

    async def load(self) -> Tree:
        async with self.database.unit_of_work(self.tenant) as work:
            return await TaskTree().load(work, self.task)


@pytest.fixture
async def planner(database: Database, tenant: TenantId, new_task: NewTask) -> Planner:
    planner = Planner(database, tenant, await new_task(tenant))
    await planner.turn(*PLAN)
    return planner


async def test_what_was_applied_is_what_is_loaded(planner: Planner) -> None:
    tree = await planner.load()
    bill = tree.find("bill")
    assert bill is not None
    assert bill.value == [120, 1.5, None]
    assert [tree.get(key).key for key in bill.depends_on] == ["hotel", "city"]
    assert [node.key for node in tree.path(bill.id)] == ["trip", "bill"]
    assert [node.key for node in tree.ready()] == ["trip"]


async def test_the_log_rebuilds_the_rows_after_every_turn(planner: Planner) -> None:
    turns: list[tuple[Operation, ...]] = [
        (SetValue(node="city", value="Paris"), SetStatus(node="trip", status="running")),
        (Create(key="visa", title="Visa", value=True), Link(node="hotel", depends_on="visa")),
        (Rollback(node="city"),),
        (Retire(node="hotel"), Create(key="hotel", title="Hostel", depends_on=("city",))),
    ]
    tree = await planner.load()
    for operations in turns:
        await planner.turn(*operations)
        tree = await planner.load()
        assert tree.at(tree.head).nodes == tree.nodes
    assert tree.at(4).find("visa") is None


async def test_a_repeated_turn_changes_nothing_and_answers_the_same(planner: Planner) -> None:
    first = await planner.turn(SetValue(node="city", value="Paris"), change_id="t")
    await planner.turn(SetValue(node="city", value="Oslo"))
    again = await planner.turn(SetValue(node="city", value="Paris"), change_id="t")
    assert again.replayed
    assert again.revisions == first.revisions
    assert again.revisions[0].before is not None
    tree = await planner.load()
    city = tree.find("city")
    assert city is not None
    assert city.value == "Oslo"


async def test_a_repeated_turn_that_changed_nothing_still_changes_nothing(planner: Planner) -> None:
    first = await planner.turn(SetValue(node="city", value="Rome"), change_id="t")
    await planner.turn(SetValue(node="city", value="Oslo"))
    again = await planner.turn(SetValue(node="city", value="Rome"), change_id="t")
    assert first.revisions == again.revisions == ()


async def test_a_refused_turn_leaves_no_rows(planner: Planner) -> None:
    with pytest.raises(OperationRefused):
        await planner.turn(SetValue(node="city", value="Paris"), Link(node="city", depends_on="bill"))
    tree = await planner.load()
    assert tree.head == len(PLAN)


async def test_a_refused_turn_may_be_tried_again_in_the_same_transaction(planner: Planner) -> None:
    async with planner.database.unit_of_work(planner.tenant) as work:
        for operation in (SetValue(node="nowhere", value=1), SetValue(node="city", value="Paris")):
            with suppress(OperationRefused):
                await TaskTree().apply(work, planner.task, [operation], actor="user", change_id="t")
    city = (await planner.load()).find("city")
    assert city is not None
    assert city.value == "Paris"


async def test_turns_at_the_same_time_lose_nothing(planner: Planner) -> None:
    await asyncio.gather(
        *(planner.turn(Create(key=f"step-{n}", title="Step"), change_id=f"parallel-{n}") for n in range(8))
    )
    tree = await planner.load()
    assert tree.head == len(PLAN) + 8
    assert [revision.rev for revision in tree.revisions] == list(range(1, tree.head + 1))


async def test_of_two_who_speak_at_once_one_is_understood_anew_and_nothing_is_lost(planner: Planner) -> None:
    """Each names a change, made for what it was shown; the second to come finds the tree moved on."""
    provenance = Provenance(tenant=planner.tenant, trust=Trust.USER)
    store = PostgresStore(planner.database, planner.task, actor="user", provenance=provenance)
    seen: list[object] = []
    both_looked = asyncio.Event()

    def understanding(node: str, value: JsonValue) -> Interpreter:
        async def interpret(utterance: str, shown: Shown, schema: dict[str, JsonValue]) -> JsonValue:
            seen.append({line.id: line.value for line in shown.nodes}["city"])
            if len(seen) == 2:
                both_looked.set()
            await both_looked.wait()
            wanted: JsonValue = {"op": "set_value", "node": node, "value": value}
            return {"operations": [wanted], "needs_clarification": False, "candidates": []}

        return interpret

    said = [("city", "Paris"), ("bill", 90)]
    answers = await asyncio.gather(
        *(
            Conversation(store, understanding(node, value), len).say("…", change_id=node)
            for node, value in said
        )
    )
    tree = await planner.load()
    assert [answer.status for answer in answers] == ["changed", "changed"]
    assert len(seen) == 3
    assert {node.key: node.value for node in tree.nodes if node.key in {"city", "bill"}} == dict(said)


async def test_shared_work_is_loaded_as_it_was_applied(planner: Planner) -> None:
    await planner.turn(
        Create(key="inn", title="Inn", depends_on=("city",)), Share(node="inn", source="hotel")
    )
    tree = await planner.load()
    inn, hotel = tree.find("inn"), tree.find("hotel")
    assert inn is not None
    assert hotel is not None
    assert (inn.shares, inn.value) == (hotel.id, hotel.value)
    await planner.turn(SetStatus(node="inn", status="running"))
    tree = await planner.load()
    assert tree.nodes == tree.at(tree.head).nodes
    assert tree.get(inn.id).shares is None


async def test_a_turn_of_unknown_source_is_untrusted(
    database: Database, tenant: TenantId, new_task: NewTask
) -> None:
    task = await new_task(tenant)
    async with database.unit_of_work(tenant) as work:
        diff = await TaskTree().apply(work, task, PLAN, actor="agent:x", change_id="t")
    assert all(node.tainted for node in diff.changed)


async def test_a_tenant_sees_and_changes_only_its_own_tree(
    planner: Planner, other_tenant: TenantId, sql: queries.Queries
) -> None:
    async with planner.database.unit_of_work(other_tenant) as work:
        for count in (sql.count_nodes, sql.count_revisions):
            assert await work.fetch_one(count) == {"rows": 0}
        assert (await TaskTree().load(work, planner.task)).nodes == ()
        with pytest.raises(NotFound):
            await TaskTree().apply(work, planner.task, PLAN, actor="mallory", change_id="t")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with planner.database.unit_of_work(other_tenant) as work:
            await work.execute(sql.steal_node, {"other": planner.tenant, "task": planner.task})


async def test_the_log_cannot_be_rewritten(planner: Planner, sql: queries.Queries) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        async with planner.database.unit_of_work(planner.tenant) as work:
            await work.execute(sql.rewrite_revision)


async def test_a_task_nobody_submitted_has_no_tree(database: Database, tenant: TenantId) -> None:
    async with database.unit_of_work(tenant) as work:
        with pytest.raises(NotFound):
            await TaskTree().apply(work, TaskId(uuid4()), PLAN, actor="user", change_id="t")
