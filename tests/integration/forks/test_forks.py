"""Forks at any event: what was recorded by then is not done again, what came later is."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import pytest
from psycopg import AsyncConnection

from bench.support.engine import Harness
from bench.support.scripts import NOTHING_FOUND, answer_of, calls, says, team
from core import failpoints
from core.errors import InvalidInput, ModelRejected, NotFound
from core.ids import AgentId, TenantId
from inference.model import ModelReply, ModelRequest
from orchestrator.services.views import EventView, ForkRequest
from orchestrator.topics import ADVANCE
from tests.integration.forks.conftest import (
    Opener,
    begin_fork,
    ended,
    events_of,
    live_calls,
    posting,
    posts,
    run_fork,
)

LAPSED = "UPDATE agent SET lease_until = now() - interval '1 second' WHERE state = 'running'"
TOOLS = ["enter", "send"]


class Killed(BaseException):
    """Ends a turn where a process would have ended."""


def before(events: list[EventView], seq: int, kind: str, name: str | None = None) -> int:
    return sum(
        event.kind == kind and event.seq <= seq and name in (None, event.data.get("name")) for event in events
    )


@pytest.mark.timeout(180)
async def test_at_every_event_what_came_before_is_not_done_again(open_harness: Opener) -> None:
    enter, send = posts()
    opened, provider = await open_harness(posting, extra_tools=[enter, send])
    source = await opened.run("post all of it", tools=TOOLS)
    assert source.status == "done"
    events = await events_of(opened, source.id)
    everything = sum(request.kind != "condense" for request in provider.requests)
    assert len(enter.posted) == len(send.posted) == 1
    for seq in range(1, source.last_event + 1):
        provider.requests.clear()
        enter.posted.clear()
        send.posted.clear()
        fork = await run_fork(opened, source.id, event=seq)
        assert fork.forked_at == seq
        assert ended(fork) == ended(source)
        assert len(provider.requests) == everything - before(events, seq, "model.finished"), seq
        assert len(enter.posted) == 1 - before(events, seq, "tool.started", "enter"), seq
        assert len(send.posted) == 1 - before(events, seq, "tool.started", "send"), seq


async def test_a_fork_may_go_another_way(open_harness: Opener) -> None:
    """Behind its event a fork asks anew; a node that answers otherwise now is heard."""
    answers = ["all parts are in", "and now for something else"]

    def script(request: ModelRequest) -> ModelReply:
        if request.kind == "answer":
            return answer_of(answers[0])
        return team(2)(request)

    opened, provider = await open_harness(script)
    source = await opened.run("answer me")
    asked = [event.seq for event in await events_of(opened, source.id) if event.kind == "model.started"]
    provider.requests.clear()
    del answers[0]
    fork = await run_fork(opened, source.id, event=asked[-1])
    assert [request.kind for request in provider.requests] == ["answer"]
    assert fork.answer is not None
    assert fork.answer.text == "and now for something else"
    again = await run_fork(opened, fork.id)
    assert ended(again) == ended(fork)
    assert len(provider.requests) == 1


async def test_a_task_that_failed_goes_on_from_before_its_failure(open_harness: Opener) -> None:
    down = [True]

    def script(request: ModelRequest) -> ModelReply:
        if request.kind == "answer" and down:
            raise ModelRejected("the model is not loaded")
        return team(2)(request)

    opened, provider = await open_harness(script)
    source = await opened.run("answer me")
    assert source.status == "failed"
    (failure,) = [event.seq for event in await events_of(opened, source.id) if event.kind == "model.failed"]
    provider.requests.clear()
    same = await run_fork(opened, source.id)
    assert (same.status, same.error) == ("failed", source.error)
    assert provider.requests == []
    down.clear()
    fork = await run_fork(opened, source.id, event=failure - 1)
    assert fork.status == "done"
    assert [request.kind for request in provider.requests] == ["answer"]


async def test_a_cancelled_task_goes_on(open_harness: Opener) -> None:
    opened, provider = await open_harness(team(3))
    source = await opened.submit("go on")
    await opened.step()
    await opened.platform.tasks.cancel(opened.principal, source)
    await opened.drive()
    done = len(provider.requests)
    fork = await run_fork(opened, source)
    assert fork.status == "done"
    assert "plan" not in {request.kind for request in provider.requests[done:]}


async def test_a_running_task_and_its_fork_both_come_to_an_end(open_harness: Opener) -> None:
    enter, send = posts()
    opened, provider = await open_harness(posting, extra_tools=[enter, send])
    source = await opened.submit("post all of it", tools=TOOLS)
    await opened.step()
    planned = len(provider.requests)
    fork = await begin_fork(opened, source)
    await opened.drive()
    assert ended(await opened.view(fork)) == ended(await opened.view(source))
    assert [request.kind for request in provider.requests].count("plan") == planned == 1


async def test_an_effect_that_was_in_flight_is_in_doubt(open_harness: Opener, admin: AsyncConnection) -> None:
    """Its source's worker died in it: nobody knows whether it came about, and the fork does not try."""

    told: list[str] = []

    def script(request: ModelRequest) -> ModelReply:
        if request.kind != "act":
            return team(1)(request)
        if request.messages[-1].role == "tool":
            told.append(request.messages[-1].content)
            return says(NOTHING_FOUND)
        return calls("enter", entry="once")

    enter, _ = posts()
    opened, _ = await open_harness(script, extra_tools=[enter])
    source = await opened.submit("post it", tools=["enter"])
    await opened.step()
    ((_, tenant, agent),) = await opened.collect()
    claimed = await opened.room.engine.claim(tenant, AgentId(agent))
    assert claimed is not None

    def reach(point: str) -> None:
        if enter.posted:
            raise Killed(point)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failpoints, "is_armed", lambda: True)
        patch.setattr(failpoints, "reach", reach)
        with pytest.raises(Killed):
            await opened.room.engine.invoke(claimed)
    assert enter.posted == ["once"]
    fork = await run_fork(opened, source)
    assert fork.status == "done"
    assert enter.posted == ["once"]
    assert "unknown_outcome" in told[0]


@contextmanager
def dying(at: int) -> Generator[list[str]]:
    """Ends whoever reaches the n-th statement; gives the points that were reached."""
    reached: list[str] = []

    def reach(point: str) -> None:
        reached.append(point)
        if len(reached) == at:
            raise Killed(point)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failpoints, "is_armed", lambda: True)
        patch.setattr(failpoints, "reach", reach)
        yield reached


async def drive_to_death(opened: Harness, at: int) -> bool:
    """Run what waits until its worker dies at a statement; whether it came to that."""
    while messages := await opened.collect():
        for topic, tenant, subject in messages:
            if topic != ADVANCE:
                continue
            claimed = await opened.room.engine.claim(tenant, AgentId(subject))
            if claimed is None:
                continue
            with dying(at) as reached:
                try:
                    await opened.room.engine.run(claimed)
                except Killed:
                    return True
            at -= len(reached)
    return False


LOST = """
UPDATE agent SET published_at = now() - interval '1 day', republished = 0,
    lease_until = CASE WHEN state = 'running' THEN now() - interval '1 second' END
WHERE state IN ('ready', 'running')
"""


@pytest.mark.timeout(180)
async def test_a_fork_survives_a_death_at_any_statement(open_harness: Opener, admin: AsyncConnection) -> None:
    enter, send = posts()
    opened, provider = await open_harness(posting, extra_tools=[enter, send])
    source = await opened.run("post all of it", tools=TOOLS)
    asked, died = len(provider.requests), 0
    while True:
        fork = await begin_fork(opened, source.id)
        alive = not await drive_to_death(opened, died + 1)
        await admin.execute(LOST)
        await opened.room.reaper().round()
        await opened.drive()
        assert ended(await opened.view(fork)) == ended(source)
        assert await live_calls(opened, fork) == []
        if alive:
            break
        died += 1
    assert died > 20
    assert len(provider.requests) == asked
    assert enter.posted == send.posted == ["once"]


async def test_a_fork_is_the_owners_alone(open_harness: Opener, other_tenant: TenantId) -> None:
    opened, _ = await open_harness(team(1))
    source = await opened.run("mine")
    stranger, _ = await open_harness(team(1), tenant=other_tenant)
    with pytest.raises(NotFound):
        await begin_fork(stranger, source.id)


async def test_an_event_that_is_not_there(open_harness: Opener) -> None:
    opened, _ = await open_harness(team(1))
    source = await opened.run("short")
    with pytest.raises(InvalidInput, match=f"from 1 to {source.last_event}"):
        await begin_fork(opened, source.id, event=source.last_event + 1)


async def test_one_key_makes_one_fork(open_harness: Opener) -> None:
    opened, _ = await open_harness(team(1))
    source = await opened.run("once")
    made = [
        await opened.platform.forks.fork(opened.principal, source.id, ForkRequest(), idempotency_key="k")
        for _ in range(2)
    ]
    assert made[0].task.id == made[1].task.id
    assert [each.replayed for each in made] == [False, True]


async def test_a_deleted_source_is_not_missed_by_what_was_taken_from_it(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, provider = await open_harness(team(2))
    source = await opened.run("short-lived")
    fork = await begin_fork(opened, source.id)
    await opened.step()
    await admin.execute("DELETE FROM task WHERE id = %s", [source.id])
    asked = len(provider.requests)
    await opened.drive()
    assert (await opened.view(fork)).status == "done"
    assert (await opened.view(fork)).forked_from is None
    assert "plan" not in {request.kind for request in provider.requests[asked:]}
