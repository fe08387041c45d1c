"""Full queues: refused with the time they need, and never for what was admitted before."""

from __future__ import annotations

import pytest
from psycopg import AsyncConnection

from bench.support.scripts import team
from core.errors import QueueFull
from core.ids import TenantId
from orchestrator.services.views import ForkRequest, Submission
from tests.integration.orchestrator.conftest import Opener

AGO = "UPDATE task SET finished_at = now() - interval '10 seconds' WHERE finished_at IS NOT NULL"


@pytest.fixture
def broker_url() -> str:
    """No broker has a part in this."""
    return "memory://"


async def test_a_full_queue_refuses_until_a_task_ends(open_harness: Opener) -> None:
    opened, _ = await open_harness(team(1), max_open_tasks_per_tenant=2)
    for number in range(2):
        await opened.submit(f"task {number}")
    with pytest.raises(QueueFull, match="2 tasks of yours are not finished, and 2 may be"):
        await opened.submit("one more")
    await opened.drive()
    await opened.submit("one more")


async def test_a_fork_stands_in_the_queue_as_well(open_harness: Opener) -> None:
    opened, _ = await open_harness(team(1), max_open_tasks_per_tenant=1)
    ended = await opened.submit("before")
    await opened.drive()
    await opened.submit("open")
    with pytest.raises(QueueFull):
        await opened.platform.forks.fork(opened.principal, ended, ForkRequest(), idempotency_key=None)


async def test_the_wait_it_names_is_how_fast_tasks_end(open_harness: Opener, admin: AsyncConnection) -> None:
    opened, _ = await open_harness(team(1), max_open_tasks_per_tenant=2)
    for number in range(2):
        await opened.submit(f"earlier {number}")
    await opened.drive()
    for number in range(2):
        await opened.submit(f"later {number}")
    with pytest.raises(QueueFull) as refused:
        await opened.submit("one more")
    at_once = refused.value.retry_after
    await admin.execute(AGO)
    with pytest.raises(QueueFull) as refused:
        await opened.submit("one more")
    assert at_once < refused.value.retry_after
    assert refused.value.retry_after in {5.0, 6.0}, "two in ten seconds"


async def test_where_nothing_ends_it_names_a_minute(open_harness: Opener) -> None:
    opened, _ = await open_harness(team(1), max_open_tasks_per_tenant=0)
    with pytest.raises(QueueFull) as refused:
        await opened.submit("never")
    assert refused.value.retry_after == 60


async def test_a_repeated_request_is_answered_whatever_the_queue(open_harness: Opener) -> None:
    opened, _ = await open_harness(team(1), max_open_tasks_per_tenant=1)
    tasks, submission = opened.platform.tasks, Submission(goal="once")
    first = await tasks.submit(opened.principal, submission, idempotency_key="key")
    again = await tasks.submit(opened.principal, submission, idempotency_key="key")
    assert (again.task.id, again.replayed) == (first.task.id, True)


async def test_one_tenants_queue_is_not_anothers(open_harness: Opener, other_tenant: TenantId) -> None:
    opened, _ = await open_harness(team(1), max_open_tasks_per_tenant=1)
    other, _ = await open_harness(team(1), tenant=other_tenant, max_open_tasks_per_tenant=1)
    await opened.submit("mine")
    await other.submit("theirs")
    with pytest.raises(QueueFull):
        await other.submit("theirs, too")


async def test_the_server_has_a_bound_for_all(open_harness: Opener, other_tenant: TenantId) -> None:
    opened, _ = await open_harness(team(1), max_open_tasks=1)
    other, _ = await open_harness(team(1), tenant=other_tenant, max_open_tasks=1)
    await opened.submit("mine")
    with pytest.raises(QueueFull, match="the queue is full: 1 tasks are not finished"):
        await other.submit("theirs")


async def test_a_tenants_share_may_say_otherwise(
    open_harness: Opener, admin: AsyncConnection, tenant: TenantId
) -> None:
    await admin.execute("UPDATE share SET most_open_tasks = 2 WHERE tenant_id = %s", (tenant,))
    opened, _ = await open_harness(team(1), max_open_tasks_per_tenant=1)
    for number in range(2):
        await opened.submit(f"task {number}")
    with pytest.raises(QueueFull):
        await opened.submit("one more")
