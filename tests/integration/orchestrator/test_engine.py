"""Turns on real Postgres: spawn, wait, return, repeat."""

from __future__ import annotations

import asyncio

from psycopg import AsyncConnection

from bench.support.engine import Harness
from bench.support.scripts import answer_of, calls, plan_of, says, team
from core.ids import AgentId
from inference.model import ModelReply, ModelRequest
from orchestrator.topics import ADVANCE
from tests.integration.orchestrator.conftest import Opener


async def test_a_team_plans_works_and_answers(open_harness: Opener) -> None:
    opened, provider = await open_harness(team(3))
    task = await opened.run("What is new?")
    assert (task.status, task.stop_reason) == ("done", "completed")
    assert task.answer is not None
    assert task.answer.text == "all parts are in"
    assert task.agents == 4
    assert [request.kind for request in provider.requests] == ["plan", "act", "act", "act", "answer"]


async def test_leads_nest(open_harness: Opener) -> None:
    opened, _ = await open_harness(team(2, depth=3))
    task = await opened.run("go deep", budget={"depth": 3})
    tree = await opened.platform.tasks.tree(opened.principal, task.id)
    assert [agent.depth for agent in tree.agents] == [0] + [1] * 2 + [2] * 4 + [3] * 8
    assert {agent.role for agent in tree.agents if agent.depth == 3} == {"worker"}
    assert all(node.status == "done" for node in tree.nodes)
    assert task.status == "done"


async def test_later_steps_wait_for_earlier_ones(open_harness: Opener) -> None:
    def script(request: ModelRequest) -> ModelReply:
        if request.kind == "plan":
            return plan_of("first", "second", "third", after=True)
        return team(1)(request)

    opened, _ = await open_harness(script)
    task = await opened.run("in order")
    tree = await opened.platform.tasks.tree(opened.principal, task.id)
    workers = [agent for agent in tree.agents if agent.depth == 1]
    starts = [agent.started_at for agent in workers]
    ends = [agent.finished_at for agent in workers]
    assert [agent.title for agent in workers] == ["first", "second", "third"]
    assert all(end and start and end <= start for end, start in zip(ends, starts[1:], strict=False))


async def test_waiting_agents_are_rows_and_nothing_else(open_harness: Opener) -> None:
    opened, _ = await open_harness(team(5))
    await opened.submit("wait")
    await opened.step()
    assert opened.room.leases.held == 0
    messages = await opened.collect()
    assert len(messages) == 5


async def test_a_message_delivered_twice_runs_one_turn(open_harness: Opener) -> None:
    opened, provider = await open_harness(team(1))
    await opened.submit("twice")
    ((_, tenant, agent),) = await opened.collect()
    ran = await asyncio.gather(*(opened.room.engine.advance(tenant, AgentId(agent)) for _ in range(5)))
    assert sorted(ran) == [False] * 4 + [True]
    assert len(provider.requests) == 1


async def test_a_repeated_turn_makes_no_recorded_call_again(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    """The worker dies after its model call is recorded and before its turn is closed."""
    first, provider = await open_harness(team(2))
    await first.submit("survive")
    await _die_before_closing(first)
    await admin.execute("UPDATE agent SET lease_until = now() - interval '1 second' WHERE state = 'running'")
    second, other = await open_harness(team(2), owner="worker-2")
    assert await second.room.reaper().round() == 1
    await second.drive()
    assert [request.kind for request in provider.requests] == ["plan"]
    assert [request.kind for request in other.requests] == ["act", "act", "answer"]
    cursor = await admin.execute("SELECT count(*), count(DISTINCT (agent_id, position)) FROM call")
    counted = await cursor.fetchone()
    assert counted is not None
    assert counted[0] == counted[1]


async def _die_before_closing(opened: Harness) -> None:
    """Run the first turn, but end it where its closing transaction would begin."""
    ((_, tenant, agent),) = await opened.collect()
    claimed = await opened.room.engine.claim(tenant, AgentId(agent))
    assert claimed is not None
    await opened.room.engine.invoke(claimed)


async def test_a_worker_that_lost_its_lease_changes_nothing(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    """A stopped worker comes back after another took its agent: no row, no checkpoint, no event."""
    stopped, _ = await open_harness(team(2))
    await stopped.submit("stop and go")
    ((_, tenant, agent),) = await stopped.collect()
    claimed = await stopped.room.engine.claim(tenant, AgentId(agent))
    assert claimed is not None
    await admin.execute("UPDATE agent SET lease_until = now() - interval '1 second' WHERE state = 'running'")
    other, _ = await open_harness(team(2), owner="worker-2")
    await other.room.reaper().round()
    await other.drive()
    before = await _everything(admin)
    await stopped.room.engine.run(claimed)
    assert await _everything(admin) == before


async def _everything(admin: AsyncConnection) -> list[object]:
    found: list[object] = []
    for table in ("task", "agent", "budget", "call", "checkpoint", "event", "artifact", "tree_revision"):
        cursor = await admin.execute(f"SELECT to_jsonb(t) FROM {table} AS t ORDER BY t::text")  # pyright: ignore[reportArgumentType] - names above
        found.append(await cursor.fetchall())
    return found


async def test_a_lost_message_is_published_again(open_harness: Opener, admin: AsyncConnection) -> None:
    opened, _ = await open_harness(team(1))
    task = await opened.submit("lost")
    assert len(await opened.collect()) == 1
    assert await opened.collect() == []
    await admin.execute("UPDATE agent SET published_at = now() - interval '1 hour'")
    await opened.room.reaper().round()
    await opened.drive()
    assert (await opened.view(task)).status == "done"


async def test_an_agent_that_keeps_losing_its_workers_fails_and_its_parent_goes_on(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, _ = await open_harness(team(1), max_attempts=2)
    task = await opened.submit("unlucky")
    await opened.step()
    for _ in range(2):
        ((topic, tenant, agent),) = await opened.collect()
        assert topic == ADVANCE
        await opened.room.engine.claim(tenant, AgentId(agent))
        await admin.execute(
            "UPDATE agent SET lease_until = now() - interval '1 second' WHERE state = 'running'"
        )
        await opened.room.reaper().round()
    await opened.drive()
    tree = await opened.platform.tasks.tree(opened.principal, task)
    assert [agent.status for agent in tree.agents] == ["done", "failed"]
    assert tree.agents[1].error is not None
    assert tree.agents[1].error.code == "worker_lost"


async def test_an_agent_that_fails_leaves_its_siblings_alone(open_harness: Opener) -> None:
    def script(request: ModelRequest) -> ModelReply:
        if request.kind in {"act", "return"} and "part 0" in request.messages[1].content:
            return says("I would rather chat.")
        return team(2)(request)

    opened, _ = await open_harness(script)
    task = await opened.run("one of us fails")
    tree = await opened.platform.tasks.tree(opened.principal, task.id)
    assert sorted(agent.status for agent in tree.agents if agent.depth == 1) == ["done", "failed"]
    assert task.status == "done"
    assert task.answer is not None
    assert any("part 0" in note for note in task.answer.notes)


async def test_cancel_ends_every_agent_and_running_turns_write_nothing_more(open_harness: Opener) -> None:
    opened, _ = await open_harness(team(3))
    task = await opened.submit("stop")
    await opened.step()
    ((_, tenant, agent), *_) = await opened.collect()
    claimed = await opened.room.engine.claim(tenant, AgentId(agent))
    assert claimed is not None
    cancelled = await opened.platform.tasks.cancel(opened.principal, task)
    await opened.room.engine.run(claimed)
    tree = await opened.platform.tasks.tree(opened.principal, task)
    assert cancelled.status == "cancelled"
    assert {agent.status for agent in tree.agents} == {"cancelled"}


async def test_an_unknown_tool_is_refused_and_the_agent_goes_on(open_harness: Opener) -> None:
    def script(request: ModelRequest) -> ModelReply:
        if request.kind == "act" and request.messages[-1].role == "user":
            return calls("launch_rocket", to="the moon")
        return team(1)(request)

    opened, provider = await open_harness(script)
    task = await opened.run("fly")
    told = [m.content for request in provider.requests for m in request.messages if m.role == "tool"]
    assert task.status == "done"
    assert all("no tool 'launch_rocket'" in content for content in told)
    events = await opened.platform.tasks.events(opened.principal, task.id, after=0, limit=1000)
    assert "tool.refused" in {event.kind for event in events}


async def test_an_agent_stops_calling_tools_at_its_turn_limit(open_harness: Opener) -> None:
    def script(request: ModelRequest) -> ModelReply:
        if request.kind == "act":
            return calls("calculate", expression="1 + 1")
        return team(1)(request)

    opened, provider = await open_harness(script)
    task = await opened.run("again and again", budget={"model_calls": 4})
    assert task.status == "done"
    assert [request.kind for request in provider.requests].count("act") == 3


async def test_events_are_numbered_without_gaps(open_harness: Opener) -> None:
    opened, _ = await open_harness(team(4))
    task = await opened.submit("count")
    while messages := await opened.collect():
        await asyncio.gather(
            *(opened.room.engine.advance(t, AgentId(a)) for topic, t, a in messages if topic == ADVANCE)
        )
    events = await opened.platform.tasks.events(opened.principal, task, after=0, limit=1000)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    assert events[-1].kind == "task.finished"


async def test_the_answer_is_never_empty_handed_on_a_bad_plan(open_harness: Opener) -> None:
    opened, _ = await open_harness(lambda request: says({"subtasks": "none"}))
    task = await opened.run("plan badly")
    assert task.status == "failed"
    assert task.error is not None
    assert task.error.code == "model_output_invalid"


async def test_a_plan_that_waits_for_itself_fails_clearly(open_harness: Opener) -> None:
    def script(request: ModelRequest) -> ModelReply:
        if request.kind == "plan":
            step = {"title": "t", "question": "q", "inputs": [], "split": False, "after": [1]}
            return says({"subtasks": [step]})
        return answer_of("never")

    opened, _ = await open_harness(script)
    task = await opened.run("circle")
    assert task.error is not None
    assert "waits for itself" in task.error.message


async def test_cancel_never_deadlocks_with_running_turns(open_harness: Opener) -> None:
    opened, _ = await open_harness(team(3))
    tasks = [await opened.submit(f"race {number}") for number in range(8)]

    async def advance_all() -> None:
        while messages := [message for message in await opened.collect() if message[0] == ADVANCE]:
            await asyncio.gather(
                *(opened.room.engine.advance(tenant, AgentId(agent)) for _, tenant, agent in messages)
            )

    async def cancel(number: int) -> None:
        for _ in range(3 * number):
            await asyncio.sleep(0)
        await opened.platform.tasks.cancel(opened.principal, tasks[number])

    await asyncio.gather(advance_all(), *(cancel(number) for number in range(8)))
    await advance_all()
    for task in tasks:
        tree = await opened.platform.tasks.tree(opened.principal, task)
        assert tree.task.status in {"cancelled", "done"}
        assert not {"ready", "running", "waiting"} & {agent.status for agent in tree.agents}
