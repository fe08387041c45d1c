"""Timers: an agent that waits for time to pass is a row until then."""

from __future__ import annotations

import pytest
from psycopg import AsyncConnection

from bench.support.scripts import calls
from tests.integration.orchestrator.conftest import Opener
from tests.integration.orchestrator.waits import ASKER, LAPSED, RUNG, agents, claim_next, poster, recorded


@pytest.fixture
def broker_url() -> str:
    return "memory://"


def waiter(told: list[str], seconds: float = 3600):
    return poster(told, lambda: calls("wait", seconds=seconds))


async def test_an_agent_that_waits_holds_nothing_until_its_time_has_come(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    told: list[str] = []
    opened, provider = await open_harness(waiter(told))
    task = await opened.submit("wait an hour", tools=["wait"])
    await opened.drive()
    await opened.room.reaper().round()
    await opened.drive()
    assert (await agents(opened, task))[ASKER].waiting_on == "timer"
    assert opened.room.leases.held == 0
    assert told == []
    await admin.execute(RUNG)
    await opened.room.reaper().round()
    await opened.room.reaper().round()
    await opened.drive()
    assert told == ["waited 3600 seconds"]
    assert [request.kind for request in provider.requests] == ["plan", "act", "act", "answer"]
    assert (await opened.view(task)).status == "done"


async def test_a_timer_that_has_rung_has_rung_also_for_the_next_worker(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    told: list[str] = []
    opened, _ = await open_harness(waiter(told))
    await opened.submit("wait an hour", tools=["wait"])
    await opened.drive()
    await admin.execute(RUNG)
    await opened.room.reaper().round()
    await claim_next(opened)
    await admin.execute(LAPSED)
    await opened.room.reaper().round()
    await opened.drive()
    assert told == ["waited 3600 seconds"]


async def test_each_wait_is_its_own(open_harness: Opener, admin: AsyncConnection) -> None:
    """The second of two waits does not take the first one's time for its own."""
    told: list[str] = []
    asked = iter([3600, 7200])
    script = poster(told, lambda: calls("wait", seconds=7200))

    opened, _ = await open_harness(
        lambda request: (
            calls("wait", seconds=seconds)
            if request.kind == "act" and (seconds := next(asked, None)) is not None
            else script(request)
        )
    )
    task = await opened.submit("wait twice", tools=["wait"])
    await opened.drive()
    await admin.execute(RUNG)
    await opened.room.reaper().round()
    await opened.drive()
    assert (await agents(opened, task))[ASKER].waiting_on == "timer"
    assert [state for state, _ in await recorded(admin, "wait")] == ["done", "intent"]


async def test_nobody_waits_past_the_deadline(open_harness: Opener, admin: AsyncConnection) -> None:
    opened, _ = await open_harness(waiter([]))
    task = await opened.submit("wait too long", tools=["wait"], budget={"seconds": 60.0})
    await opened.drive()
    cursor = await admin.execute(
        "SELECT wake_at = (granted ->> 'deadline')::timestamptz FROM agent WHERE waiting_on = 'timer'"
    )
    assert await cursor.fetchone() == (True,)
    await admin.execute(RUNG)
    await admin.execute(
        "UPDATE agent SET granted = jsonb_set(granted, '{deadline}', to_jsonb(now() - interval '1 second'))"
    )
    await opened.room.reaper().round()
    await opened.drive()
    view = await opened.view(task)
    assert (await agents(opened, task))[ASKER].status == "failed"
    assert view.status != "running"


@pytest.mark.parametrize("seconds", [0, -1, 1e9])
async def test_waits_are_bounded(open_harness: Opener, seconds: float) -> None:
    told: list[str] = []
    opened, _ = await open_harness(waiter(told, seconds))
    await opened.submit("wait for ever", tools=["wait"])
    await opened.drive()
    assert "tool_input_invalid" in told[0]
