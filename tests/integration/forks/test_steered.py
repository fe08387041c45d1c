"""Forks of tasks that people said something to: what was heard is heard again, and nothing else."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest

from bench.support.engine import Harness, ScriptedProvider
from bench.support.scripts import calls, plan_of
from core.ids import TaskId
from inference.model import ModelReply, ModelRequest
from tests.integration.forks.conftest import Opener, begin_fork, ended, live_calls, run_fork
from tests.integration.orchestrator.steered import Stage, planned, question
from tests.integration.orchestrator.waits import Outside

PLAN = planned("alpha", "beta", "late")
TOOLS = ["calculate"]


def twice(request: ModelRequest) -> ModelReply:
    """Workers that calculate once before they return."""
    if request.kind == "act" and request.messages[-1].role != "tool":
        return calls("calculate", expression="1 + 1")
    return PLAN(request)


@contextmanager
def during(
    provider: ScriptedProvider, asks: Callable[[ModelRequest], bool], happens: Callable[[], Awaitable[None]]
) -> Generator[None]:
    """While the first such request is under way, something happens."""
    complete, left = provider.complete, [happens]

    async def slowly(request: ModelRequest, **more: Any) -> Any:
        if left and asks(request):
            await left.pop()()
        return await complete(request, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provider, "complete", slowly)
        yield


async def steered(opened: Harness, provider: ScriptedProvider) -> Stage:
    """A task that is told four things while one step is done, and two are at work.

    One of these, beta, has calculated and asks its model what next when it is asked anew; the other is taken
    out before it asked anything.
    """
    stage = await Stage.submit(opened, tools=TOOLS)
    await stage.turn("alpha")
    late = await stage.claim("late")

    async def interrupt() -> None:
        await stage.say("add", "gamma")
        await stage.say("revise", "beta anew", node="s2")
        await stage.say("ask", "How far are you?")
        await stage.say("retract", node="s3")
        await stage.turn("lead")

    def at_work(request: ModelRequest) -> bool:
        return request.messages[-1].role == "tool" and question(request).endswith("beta")

    with during(provider, at_work, interrupt):
        await stage.turn("beta")
    await opened.room.engine.run(late)
    await stage.finish()
    assert await stage.nodes() == {"alpha": "done", "beta anew": "done", "gamma": "done"}
    assert [agent.status for agent in await stage.agents("late")] == ["cancelled"]
    assert [message.status for message in await stage.messages()] == ["applied"] * 4
    return stage


async def steps(stage: Stage) -> list[tuple[str, str, str]]:
    return [(node.key, node.title, node.status) for node in (await stage.tree()).nodes]


async def conversation(stage: Stage) -> list[tuple[Any, ...]]:
    return [
        (each.number, each.kind, each.node_key, each.text, each.status, each.reply, each.error)
        for each in await stage.messages()
    ]


async def forked(opened: Harness, source: UUID, **wanted: Any) -> Stage:
    return Stage(opened, await begin_fork(opened, source, **wanted))


async def test_a_steered_task_is_replayed_and_nobody_is_asked(open_harness: Opener) -> None:
    opened, provider = await open_harness(twice)
    source = await steered(opened, provider)
    provider.requests.clear()
    replay = await forked(opened, source.task)
    await replay.finish()
    again = await forked(opened, replay.task)
    await again.finish()
    for each in (replay, again):
        assert await live_calls(opened, each.task) == []
        assert ended(await opened.view(each.task)) == ended(await opened.view(source.task))
        assert await steps(each) == await steps(source)
        assert await conversation(each) == await conversation(source)
        received = await each.events("message.received")
        assert [event.data["text"] for event in received] == ["gamma", "beta anew", "How far are you?", ""]
        assert all(event.data["replayed"] for event in received)
        ids = {str(message.id) for message in await each.messages()}
        assert {event.data["id"] for event in received} == ids
    assert provider.requests == []


@pytest.mark.timeout(180)
async def test_a_fork_at_any_event_is_told_what_was_heard_by_then(open_harness: Opener) -> None:
    opened, provider = await open_harness(twice)
    source = await steered(opened, provider)
    (applied, *_) = await source.events("message.applied")
    (*_, received) = await source.events("message.received")
    (*_, stopped) = await source.events("agent.cancelled")
    for seq in range(1, (await opened.view(source.task)).last_event, 3):
        fork = await forked(opened, source.task, event=seq)
        provider.requests.clear()
        tree = await fork.finish()
        assert tree.task.status == "done", seq
        if seq <= received.seq:
            assert await fork.messages() == []
            assert await fork.nodes() == {"alpha": "done", "beta": "done", "late": "done"}, seq
        elif seq >= applied.seq:
            assert await steps(fork) == await steps(source), seq
            assert await conversation(fork) == await conversation(source), seq
        if seq >= stopped.seq:
            asked = {question(request) for request in provider.requests}
            assert not asked & {"look into beta", "look into late"}, "what was given up is not worked on"


async def test_a_fork_can_be_told_more_once_it_was_told_what_its_source_was(open_harness: Opener) -> None:
    opened, provider = await open_harness(twice)
    source = await steered(opened, provider)
    provider.requests.clear()
    fork = await forked(opened, source.task)
    for title in ("lead", "alpha", "beta", "late", "lead"):
        await fork.turn(title)
    await fork.say("add", "delta")
    await fork.finish()
    assert await fork.nodes() == dict.fromkeys(["alpha", "beta anew", "gamma", "delta"], "done")
    assert (await conversation(fork))[:4] == await conversation(source)
    assert (await fork.messages())[4].status == "applied"
    assert [request.kind for request in provider.requests] == ["act", "act", "answer"]
    assert {question(request) for request in provider.requests} == {"delta", "what is new?"}


@pytest.mark.parametrize("turns", [[], ["lead"], ["lead", "alpha", "beta", "late"]])
async def test_a_fork_that_is_told_something_before_does_only_that(
    open_harness: Opener, turns: list[str]
) -> None:
    """What its source was told later is not said: no step may be missing for it, nor stay undone."""
    opened, provider = await open_harness(twice)
    source = await steered(opened, provider)
    provider.requests.clear()
    fork = await forked(opened, source.task, budget={"fanout": 8})
    for title in turns:
        await fork.turn(title)
    await fork.say("add", "delta")
    tree = await fork.finish()
    assert (tree.task.status, tree.task.stop_reason) == ("done", "completed")
    assert await fork.nodes() == dict.fromkeys(["alpha", "beta", "late", "delta"], "done")
    assert [(text, status) for _, _, _, text, status, *_ in await conversation(fork)] == [
        ("delta", "applied")
    ]
    assert "plan" not in {request.kind for request in provider.requests}


async def test_a_step_goes_on_from_its_record_where_its_lead_will_not_give_it_up(
    open_harness: Opener,
) -> None:
    opened, provider = await open_harness(twice)
    source = await steered(opened, provider)
    provider.requests.clear()
    fork = await forked(opened, source.task)
    await fork.turn("lead")
    await fork.say("add", "delta")
    await fork.turn("lead")
    await fork.finish()
    assert [agent.status for agent in await fork.agents("beta")] == ["done"]
    asked = [request for request in provider.requests if question(request) == "look into beta"]
    assert [request.messages[-1].role for request in asked] == ["tool"], "its first step is in the record"


async def test_what_was_said_while_the_answer_was_made_is_heard_there_again(open_harness: Opener) -> None:
    opened, provider = await open_harness(planned("alpha"))
    source = await Stage.submit(opened)
    await source.turn("alpha")

    async def interrupt() -> None:
        await source.say("add", "one more thing")

    with during(provider, lambda request: request.kind == "answer", interrupt):
        await source.finish()
    provider.requests.clear()
    fork = await forked(opened, source.task)
    await fork.finish()
    assert provider.requests == []
    assert await live_calls(opened, fork.task) == []
    assert await steps(fork) == await steps(source)
    assert await conversation(fork) == await conversation(source)
    assert ended(await opened.view(fork.task)) == ended(await opened.view(source.task))


async def test_what_there_were_no_tokens_for_stands_until_there_are(open_harness: Opener) -> None:
    """The lead's children held the tokens; in a fork they have ended by then, and gave them back."""
    opened, provider = await open_harness(planned("alpha", "beta"))
    source = await Stage.submit(opened, budget={"tokens": 30_000})
    await source.say("add", "gamma")
    await source.turn("lead")
    await source.finish()
    (refused,) = await source.messages()
    assert refused.status == "refused"
    provider.requests.clear()
    fork = await forked(opened, source.task)
    await fork.finish()
    assert provider.requests == []
    assert await conversation(fork) == await conversation(source)
    assert [event.data["code"] for event in await fork.events("message.refused")] == ["tokens"]
    again = await forked(opened, fork.task)
    await again.finish()
    assert await conversation(again) == await conversation(source)
    assert provider.requests == []
    richer = await forked(opened, source.task, budget={"tokens": 400_000})
    await richer.finish()
    assert [message.status for message in await richer.messages()] == ["applied"]
    assert await richer.nodes() == dict.fromkeys(["alpha", "beta", "gamma"], "done")


async def test_a_lead_that_was_stopped_sends_nobody_out_again(open_harness: Opener) -> None:
    """It had two steps, the second of which rests on the first; the first was at work."""

    def script(request: ModelRequest) -> ModelReply:
        if request.kind == "plan" and question(request).startswith("look into"):
            return plan_of("left", "right", after=True)
        return planned("alpha", "beta", split=1)(request)

    opened, provider = await open_harness(script)
    source = await Stage.submit(opened, budget={"depth": 2, "tokens": 400_000})
    await source.turn("alpha")
    await source.claim("left")
    await source.say("retract", node="s1")
    await source.turn("lead")
    await source.finish()
    assert await source.nodes() == {"beta": "done"}
    provider.requests.clear()
    fork = await run_fork(opened, source.task)
    again = await run_fork(opened, fork.id)
    assert provider.requests == []
    for each in (fork, again):
        assert ended(each) == ended(await opened.view(source.task))
        assert await steps(Stage(opened, TaskId(each.id))) == await steps(source)
        assert each.agents == 4, "nobody was sent out for the second step"


async def test_nobody_is_asked_whether_a_step_that_was_given_up_may_act(open_harness: Opener) -> None:
    def script(request: ModelRequest) -> ModelReply:
        if request.kind == "act" and question(request).endswith("alpha"):
            return calls("post", entry="one")
        return planned("alpha", "beta")(request)

    opened, provider = await open_harness(script, extra_tools=[Outside()])
    source = await Stage.submit(opened, tools=["post"], approve=["post"])
    await source.turn("alpha")
    assert len(await source.events("approval.requested")) == 1
    await source.say("retract", node="s1")
    await source.finish()
    provider.requests.clear()
    fork = await forked(opened, source.task)
    tree = await fork.finish()
    assert tree.task.status == "done"
    assert await fork.events("approval.requested") == []
    assert provider.requests == []
    assert await steps(fork) == await steps(source) == [("s2", "beta", "done")]
