"""Pause and resume: nothing begins in a paused task, and nothing is lost or repeated for it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID

import pytest
from psycopg import AsyncConnection

from bench.support.engine import Harness, Script, ScriptedProvider
from bench.support.scripts import calls, team
from core.errors import Conflict
from core.ids import AgentId, TaskId
from inference.model import ModelReply, ModelRequest
from inference.ports import Progress
from orchestrator.topics import ADVANCE
from tests.integration.orchestrator.conftest import Opener
from tests.integration.orchestrator.waits import (
    OVERDUE,
    RUNG,
    Outside,
    agents,
    claim_next,
    decide,
    kinds,
    pending,
    poster,
    the_one,
)

LONG_AGO = "UPDATE task SET paused_at = paused_at - interval '1 hour' WHERE paused_at IS NOT NULL"


@pytest.fixture
def broker_url() -> str:
    return "memory://"


async def pause(opened: Harness, task: UUID) -> None:
    await opened.platform.control.pause(opened.principal, task)


async def resume(opened: Harness, task: UUID) -> None:
    await opened.platform.control.resume(opened.principal, task)


async def test_a_paused_task_stands_still_until_it_is_resumed(open_harness: Opener) -> None:
    opened, provider = await open_harness(team(2))
    task = await opened.submit("wait for me")
    paused = await opened.platform.control.pause(opened.principal, task)
    assert (paused.status, paused.paused) == ("running", True)
    await opened.drive()
    assert provider.requests == []
    resumed = await opened.platform.control.resume(opened.principal, task)
    assert not resumed.paused
    await opened.drive()
    assert (await opened.view(task)).status == "done"


async def test_a_running_turn_is_handed_back_at_its_next_call(open_harness: Opener) -> None:
    opened, provider = await open_harness(team(2))
    task = await opened.submit("wait for me")
    claimed = await claim_next(opened)
    await pause(opened, task)
    await opened.room.engine.run(claimed)
    assert provider.requests == []
    lead = (await agents(opened, task))["lead"]
    assert (lead.status, lead.lost_turns) == ("ready", 0)
    assert "agent.paused" in await kinds(opened, task)
    await resume(opened, task)
    await opened.drive()
    assert (await opened.view(task)).status == "done"


class Interrupted(ScriptedProvider):
    """A model in the midst of whose calls something happens, and that says how many it was asked."""

    def __init__(self, script: Script) -> None:
        super().__init__(script)
        self.asked = 0
        self.amid: Callable[[int], Awaitable[None]] | None = None

    async def complete(self, request: ModelRequest, *, on_progress: Progress) -> ModelReply:
        number, self.asked = self.asked, self.asked + 1
        if self.amid is not None:
            await self.amid(number)
        return await super().complete(request, on_progress=on_progress)


async def step_together(opened: Harness) -> int:
    """Deliver what is waiting, all at once."""
    messages = [message for message in await opened.collect() if message[0] == ADVANCE]
    await asyncio.gather(
        *(opened.room.engine.advance(tenant, AgentId(agent)) for _, tenant, agent in messages)
    )
    return len(messages)


@pytest.mark.parametrize("seed", range(6))
async def test_pausing_at_any_moment_loses_and_repeats_nothing(
    open_harness: Opener, admin: AsyncConnection, seed: int
) -> None:
    """Before, in the midst of and after calls of a whole tree, whose turns run at once."""
    chance = random.Random(seed)
    opened, model = await open_harness(team(2, depth=2), make=Interrupted)
    assert isinstance(model, Interrupted)
    task = await opened.submit("stop and go", budget={"depth": 2})
    stops = {number for number in range(40) if chance.random() < 0.35}

    async def stop_and_maybe_go(number: int) -> None:
        if number in stops:
            await pause(opened, task)
            if chance.random() < 0.3:
                await resume(opened, task)

    model.amid = stop_and_maybe_go
    while (view := await opened.view(task)).status == "running":
        if chance.random() < 0.2:
            await pause(opened, task)
        if not await step_together(opened):
            await resume(opened, task)
    assert view.status == "done"
    assert view.answer is not None
    assert not view.answer.notes
    cursor = await admin.execute(
        "SELECT count(*), max(attempts), count(*) FILTER (WHERE state <> 'done') FROM call "
        "WHERE kind = 'model'"
    )
    assert await cursor.fetchone() == (model.asked, 1, 0)
    assert all(agent.lost_turns == 0 for agent in (await agents(opened, task)).values())


async def test_the_deadline_moves_on_by_the_time_it_was_paused(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, _ = await open_harness(team(1))
    task = await opened.submit("take your time", budget={"seconds": 600.0})
    await opened.step()
    await pause(opened, task)
    await admin.execute(LONG_AGO)
    await admin.execute(
        "UPDATE agent SET granted = jsonb_set(granted, '{deadline}', "
        "to_jsonb((granted ->> 'deadline')::timestamptz - interval '1 hour'))"
    )
    await resume(opened, task)
    await opened.drive()
    assert (await opened.view(task)).stop_reason == "completed", "an hour went by, and it was not its hour"


async def test_a_turn_that_outlasts_a_pause_learns_of_its_new_deadline(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, provider = await open_harness(team(1))
    task = await opened.submit("take your time", budget={"seconds": 600.0})
    claimed = await claim_next(opened)
    await pause(opened, task)
    await resume(opened, task)
    await opened.room.engine.run(claimed)
    assert provider.requests == [], "the turn would have ended by the deadline it began with"
    await opened.drive()
    assert (await opened.view(task)).stop_reason == "completed"


async def test_neither_approvals_nor_timers_run_out_meanwhile(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    script = poster([])
    opened, _ = await open_harness(
        lambda request: (
            calls("wait", seconds=60)
            if "right" in request.messages[1].content
            and request.kind == "act"
            and request.messages[-1].role == "user"
            else script(request)
        ),
        extra_tools=[Outside()],
    )
    task = await opened.submit("post it", tools=["post", "wait"], approve=["post"])
    other = await opened.submit("right", tools=["post", "wait"])
    await opened.drive()
    for each in (task, other):
        await pause(opened, each)
    await admin.execute(LONG_AGO)
    await admin.execute(OVERDUE)
    await admin.execute(RUNG)
    await opened.room.reaper().round()
    assert await opened.collect() == []
    assert len(await pending(opened)) == 1
    await admin.execute("UPDATE approval SET expires_at = now() - interval '30 minutes'")
    await admin.execute("UPDATE agent SET wake_at = now() - interval '30 minutes' WHERE waiting_on = 'timer'")
    for each in (task, other):
        await resume(opened, each)
    await opened.drive()
    await opened.room.reaper().round()
    assert await opened.collect() == [], "half an hour is left: the task was paused for one"
    approval = await the_one(opened)
    assert approval.expires_at > datetime.now(UTC)


async def test_what_is_decided_meanwhile_counts_when_the_task_goes_on(open_harness: Opener) -> None:
    tool = Outside()
    opened, _ = await open_harness(poster([]), extra_tools=[tool])
    task = await opened.submit("post it", tools=["post"], approve=["post"])
    await opened.drive()
    await pause(opened, task)
    await decide(opened, await the_one(opened), "approve")
    await opened.drive()
    assert tool.posted == []
    await resume(opened, task)
    await opened.drive()
    assert tool.entries == ["one"]


async def test_a_paused_task_is_not_published_again_and_can_be_cancelled(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, _ = await open_harness(team(1))
    task = await opened.submit("never mind")
    await pause(opened, task)
    await opened.collect()
    await admin.execute("UPDATE agent SET published_at = now() - interval '1 hour'")
    await opened.room.reaper().round()
    assert await opened.collect() == []
    cancelled = await opened.platform.tasks.cancel(opened.principal, task)
    assert (cancelled.status, cancelled.paused) == ("cancelled", False)
    for again in (pause, resume):
        with pytest.raises(Conflict, match="already cancelled"):
            await again(opened, task)


async def test_twice_is_once(open_harness: Opener) -> None:
    opened, _ = await open_harness(team(1))
    task = TaskId(await opened.submit("once"))
    for change in (resume, pause, pause, resume, resume):
        await change(opened, task)
    told = [kind for kind in await kinds(opened, task) if kind.startswith("task.")]
    assert told == ["task.submitted", "task.paused", "task.resumed"]
