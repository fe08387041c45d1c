"""Cancel reaches all descendants and what they have in flight, as soon as it is committed."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from psycopg import AsyncConnection

from bench.support.engine import Harness, Script, ScriptedProvider
from bench.support.scripts import team
from core.ids import AgentId
from inference.model import ModelReply, ModelRequest
from inference.ports import Progress
from tests.integration.orchestrator.conftest import Opener
from tests.integration.orchestrator.waits import agents

WIDTH = 20


@pytest.fixture
def broker_url() -> str:
    return "memory://"


class Slow(ScriptedProvider):
    """Workers' calls take for ever; it knows how many are in flight, and how many were given up."""

    def __init__(self, script: Script) -> None:
        super().__init__(script)
        self.in_flight = self.given_up = 0
        self.all_asked = asyncio.Event()

    async def complete(self, request: ModelRequest, *, on_progress: Progress) -> ModelReply:
        if request.kind == "plan":
            return await super().complete(request, on_progress=on_progress)
        self.in_flight += 1
        if self.in_flight == WIDTH:
            self.all_asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.given_up += 1
            raise
        finally:
            self.in_flight -= 1
        raise AssertionError("it waits for ever")


async def busy(open_harness: Opener) -> tuple[Harness, Slow, UUID, list[asyncio.Task[bool]]]:
    """A task whose workers all wait for the model, and their turns."""
    opened, model = await open_harness(team(WIDTH), make=Slow)
    assert isinstance(model, Slow)
    task = await opened.submit("hold on", budget={"fanout": WIDTH})
    await opened.step()
    turns = [
        asyncio.create_task(opened.room.engine.advance(tenant, AgentId(agent)))
        for _, tenant, agent in await opened.collect()
    ]
    await model.all_asked.wait()
    return opened, model, task, turns


async def all_ended(turns: list[asyncio.Task[bool]]) -> None:
    """Raises `TimeoutError` for turns that go on: nothing else would end them."""
    async with asyncio.timeout(30):
        await asyncio.gather(*turns)


async def test_calls_in_flight_are_given_up_without_a_round_of_leases(open_harness: Opener) -> None:
    """Nothing looks after the leases here but what hears of the cancelled task."""
    opened, model, task, turns = await busy(open_harness)
    cancellations = opened.room.cancellations()
    listening = asyncio.create_task(cancellations.run())
    await cancellations.listening.wait()
    await opened.platform.tasks.cancel(opened.principal, task)
    await all_ended(turns)
    assert (model.in_flight, model.given_up) == (0, WIDTH)
    assert {agent.status for agent in (await agents(opened, task)).values()} == {"cancelled"}
    listening.cancel()


async def test_a_message_that_does_not_arrive_costs_no_more_than_a_round(open_harness: Opener) -> None:
    opened, model, task, turns = await busy(open_harness)
    await opened.platform.tasks.cancel(opened.principal, task)
    await opened.room.leases.round()
    await all_ended(turns)
    assert model.given_up == WIDTH


async def test_another_tasks_end_disturbs_nobody(open_harness: Opener, admin: AsyncConnection) -> None:
    opened, model, task, turns = await busy(open_harness)
    cancellations = opened.room.cancellations()
    listening = asyncio.create_task(cancellations.run())
    await cancellations.listening.wait()
    other = await opened.submit("never mind")
    await opened.platform.tasks.cancel(opened.principal, other)
    assert model.in_flight == WIDTH
    await opened.platform.tasks.cancel(opened.principal, task)
    await all_ended(turns)
    cursor = await admin.execute("SELECT count(*) FROM budget WHERE reserved > 0")
    assert await cursor.fetchone() == (0,)
    listening.cancel()


async def test_what_a_cancelled_task_spent_stands_in_the_root_s_account(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, _ = await open_harness(team(2))
    task = await opened.submit("stop half-way")
    await opened.step()
    ((_, tenant, child), _) = await opened.collect()
    await opened.room.engine.advance(tenant, AgentId(child))
    await opened.platform.tasks.cancel(opened.principal, task)
    budget = await opened.platform.tasks.budget(opened.principal, task)
    root = next(unit for unit in budget.accounts[0].units if unit.unit == "tokens")
    cursor = await admin.execute(
        "SELECT sum((usage ->> 'prompt_tokens')::bigint + (usage ->> 'completion_tokens')::bigint) FROM call"
    )
    assert await cursor.fetchone() == (root.spent,)
    assert (root.reserved, root.delegated) == (0, 0)
