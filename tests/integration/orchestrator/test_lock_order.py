"""Rows of agents before those of budgets, children before parents: nobody waits in a circle."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from psycopg import AsyncConnection

from bench.support.engine import Harness
from bench.support.scripts import team
from core.errors import AgentFailed
from core.ids import AgentId, TaskId, TenantId
from orchestrator.engine.closing import Closing, Outcome
from tests.conftest import TestDatabase
from tests.integration.orchestrator.conftest import Opener

LEAD = "SELECT id FROM agent WHERE parent_id IS NULL"
CHILDREN = "SELECT id FROM agent WHERE parent_id IS NOT NULL ORDER BY id"
BLOCKED = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.fixture
def broker_url() -> str:
    return "memory://"


async def spread(open_harness: Opener, admin: AsyncConnection) -> tuple[Harness, TaskId, UUID, list[UUID]]:
    """A lead that waits for two children, which are ready."""
    opened, _ = await open_harness(team(2))
    task = await opened.submit("split it up")
    await opened.step()
    lead = await (await admin.execute(LEAD)).fetchone()
    children = await (await admin.execute(CHILDREN)).fetchall()
    assert lead is not None
    return opened, task, lead[0], [row[0] for row in children]


async def until_blocked(admin: AsyncConnection) -> None:
    for _ in range(1000):
        row = await (await admin.execute(BLOCKED)).fetchone()
        if row is not None and row[0] > 0:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("nobody waits for a lock")


async def test_stopping_one_child_while_another_closes(
    open_harness: Opener, admin: AsyncConnection, test_database: TestDatabase, tenant: TenantId
) -> None:
    opened, _, lead, children = await spread(open_harness, admin)
    async with await AsyncConnection.connect(
        test_database.admin, options="-c search_path=treehold,public -c lock_timeout=1s"
    ) as closing:
        await closing.execute("SELECT FROM agent WHERE id = %s FOR NO KEY UPDATE", [lead])

        async def stop() -> None:
            async with opened.platform.database.unit_of_work(tenant) as work:
                stopped = b"SELECT stop_children(%(lead)s, %(children)s)"
                await work.execute(stopped, {"lead": lead, "children": children[:1]})

        stopping = asyncio.create_task(stop())
        await until_blocked(admin)
        await closing.execute("UPDATE budget SET spent = spent WHERE agent_id = %s", [lead])
        await closing.commit()
        await stopping
    cursor = await admin.execute("SELECT state FROM agent WHERE id = ANY(%s) ORDER BY id", [children])
    assert await cursor.fetchall() == [("cancelled",), ("ready",)]


async def test_giving_up_a_lead_while_a_child_closes(
    open_harness: Opener, admin: AsyncConnection, test_database: TestDatabase, tenant: TenantId
) -> None:
    opened, task, lead, children = await spread(open_harness, admin)
    await admin.execute("UPDATE agent SET state = 'ready', waiting_on = NULL WHERE id = %s", [lead])
    row = await (await admin.execute("SELECT fence FROM agent WHERE id = %s", [lead])).fetchone()
    assert row is not None
    closing = Closing(opened.platform.database, opened.platform.task_tree)
    async with await AsyncConnection.connect(
        test_database.admin, options="-c search_path=treehold,public -c lock_timeout=1s"
    ) as child:
        await child.execute("SELECT FROM agent WHERE id = %s FOR NO KEY UPDATE", [children[0]])
        failed = Outcome.failed(AgentFailed("its worker was lost", code="worker_lost"))
        giving_up = asyncio.create_task(closing.give_up(tenant, task, AgentId(lead), row[0], failed))
        await until_blocked(admin)
        await child.execute("SELECT FROM agent WHERE id = %s FOR NO KEY UPDATE", [lead])
        await child.commit()
        await giving_up
    cursor = await admin.execute("SELECT state, count(*) FROM agent GROUP BY state ORDER BY state")
    assert await cursor.fetchall() == [("cancelled", 2), ("failed", 1)]
    assert (await opened.view(task)).status == "failed"


async def test_a_lead_that_is_ready_already_is_not_woken_again(
    open_harness: Opener, admin: AsyncConnection, tenant: TenantId
) -> None:
    opened, _, lead, children = await spread(open_harness, admin)
    await opened.collect()
    await admin.execute("UPDATE agent SET state = 'ready', waiting_on = NULL WHERE id = %s", [lead])
    for child in children:
        await opened.room.engine.advance(tenant, AgentId(child))
    assert [subject for _, _, subject in await opened.collect() if subject == lead] == []
