"""Model calls that were in flight when their worker died: made again, and counted for both."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from bench.support.engine import Harness
from bench.support.scripts import USAGE, team
from core.errors import BudgetExhausted
from core.ids import AgentId
from inference.model import ModelReply, ModelRequest
from tests.integration.orchestrator.conftest import Opener

LAPSED = "UPDATE agent SET lease_until = now() - interval '1 second' WHERE state = 'running'"


def dying(request: ModelRequest) -> ModelReply:
    """The worker is gone before the node answers."""
    raise asyncio.CancelledError


async def die_in_a_call(opened: Harness, admin: AsyncConnection) -> None:
    """Run a turn that is never closed, up to a call whose outcome is never recorded."""
    ((_, tenant, agent),) = await opened.collect()
    claimed = await opened.room.engine.claim(tenant, AgentId(agent))
    assert claimed is not None
    await opened.room.engine.invoke(claimed)
    await admin.execute(LAPSED)


async def plan_call(admin: AsyncConnection) -> tuple[Any, ...]:
    """Reserved tokens, state, attempts and counted tokens of the plan call."""
    cursor = await admin.execute(
        "SELECT (reserved ->> 'tokens')::int, state, attempts, "
        "(usage ->> 'prompt_tokens')::int + (usage ->> 'completion_tokens')::int "
        "FROM call WHERE name = 'plan'"
    )
    row = await cursor.fetchone()
    assert row is not None
    return row


async def spent(admin: AsyncConnection, task: UUID) -> tuple[int, int]:
    cursor = await admin.execute(
        "SELECT b.spent, b.reserved FROM budget b JOIN agent a ON a.id = b.agent_id "
        "WHERE a.task_id = %s AND a.parent_id IS NULL AND b.unit = 'tokens'",
        [task],
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1]


async def test_a_call_lost_in_flight_counts_whole_and_is_made_again(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    first, _ = await open_harness(dying)
    task = await first.submit("survive", budget={"tokens": 100_000})
    await die_in_a_call(first, admin)
    held, state, _, _ = await plan_call(admin)
    assert state == "intent"
    second, provider = await open_harness(team(1), owner="worker-2")
    await second.room.reaper().round()
    await second.drive()
    assert (await second.view(task)).status == "done"
    assert await plan_call(admin) == (None, "done", 2, held + USAGE.total)
    assert await spent(admin, task) == (held + len(provider.requests) * USAGE.total, 0)


async def test_a_call_is_not_made_again_where_the_grant_does_not_cover_it_twice(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    first, _ = await open_harness(dying)
    probe = await first.submit("measure")
    await die_in_a_call(first, admin)
    held, *_ = await plan_call(admin)
    await first.platform.tasks.cancel(first.principal, probe)
    await admin.execute("DELETE FROM task")
    await first.collect()
    task = await first.submit("measure", budget={"tokens": held + held // 2})
    await die_in_a_call(first, admin)
    held, *_ = await plan_call(admin)
    second, provider = await open_harness(team(1), owner="worker-2")
    await second.room.reaper().round()
    await second.drive()
    view = await second.view(task)
    assert (view.status, view.stop_reason) == ("failed", "tokens")
    assert provider.requests == []
    assert await spent(admin, task) == (held, 0)


async def test_a_repeated_turn_meets_the_same_failure(open_harness: Opener, admin: AsyncConnection) -> None:
    """A limit stays a limit: what it ended in is what the task says it stopped for."""

    def limited(request: ModelRequest) -> ModelReply:
        raise BudgetExhausted("cost")

    opened, _ = await open_harness(limited)
    task = await opened.submit("fail twice")
    ((_, tenant, agent),) = await opened.collect()
    claimed = await opened.room.engine.claim(tenant, AgentId(agent))
    assert claimed is not None
    await opened.room.engine.invoke(claimed)
    await claimed.turn.journal.flush()
    await admin.execute(LAPSED)
    second, provider = await open_harness(team(1), owner="worker-2")
    await second.room.reaper().round()
    await second.drive()
    assert provider.requests == []
    assert (await second.view(task)).stop_reason == "cost"


async def test_the_trace_of_a_cancelled_task_shows_what_its_ledger_holds(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, _ = await open_harness(dying)
    task = await opened.submit("stop in the middle", budget={"tokens": 100_000})
    await die_in_a_call(opened, admin)
    await opened.platform.tasks.cancel(opened.principal, task)
    held, _ = await spent(admin, task)
    usage = (await opened.view(task)).usage
    assert held > 0
    assert usage.prompt_tokens + usage.completion_tokens == held
