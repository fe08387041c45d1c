"""A fork with more to spend: what a limit ended goes on, and what was recorded stands."""

from __future__ import annotations

from uuid import UUID

from bench.support.engine import Harness
from bench.support.fake_clock import FakeClock
from bench.support.scripts import NOTHING_FOUND, calls, says, team
from inference.model import ModelReply, ModelRequest, Usage
from orchestrator.services.views import CallView
from tests.integration.forks.conftest import Opener, ended, run_fork


def costly(request: ModelRequest) -> ModelReply:
    """Workers that calculate five times before they return, for a thousand tokens each time."""
    used = Usage(prompt_tokens=900, completion_tokens=100)
    if request.kind != "act":
        return team(2, depth=2)(request).model_copy(update={"usage": used})
    told = sum(message.role == "tool" for message in request.messages)
    reply = says(NOTHING_FOUND) if told == 5 else calls("calculate", expression=f"1 + {told}")
    return reply.model_copy(update={"usage": used})


async def test_a_task_that_ran_out_of_tokens_goes_on_with_more(open_harness: Opener) -> None:
    opened, provider = await open_harness(costly)
    source = await opened.run("count", tools=["calculate"], budget={"tokens": 45_000, "fanout": 2})
    assert source.stop_reason == "tokens", source.error
    asked = list(provider.requests)
    provider.requests.clear()
    same = await run_fork(opened, source.id)
    assert ended(same) == ended(source)
    assert provider.requests == []
    fork = await run_fork(opened, source.id, budget={"tokens": 600_000})
    assert (fork.status, fork.stop_reason) == ("done", "completed")
    assert fork.budget.tokens == 600_000
    assert fork.budget.depth == source.budget.depth
    assert "plan" not in {request.kind for request in provider.requests}, "the plans stand"
    recorded = {request.model_dump_json() for request in asked}
    assert not [request for request in provider.requests if request.model_dump_json() in recorded]
    whole = [request.kind for request in asked + provider.requests].count("act")
    again = await asked_after_a_refusal(opened, source.id)
    assert len(again) == 1, "the first worker began with less kept back than it should"
    assert whole == 4 * 6 + len(again), (
        "four workers, none of whose steps before a refusal was asked for twice"
    )


async def asked_after_a_refusal(opened: Harness, task: UUID) -> list[CallView]:
    """What an agent asked once a call had been refused it: with more to spend, that call is made instead."""
    found = await opened.platform.tasks.calls(opened.principal, task, None)
    refused = {call.agent: call.position for call in reversed(found) if call.name == "exhausted"}
    return [
        call
        for call in found
        if call.name == "act" and call.agent in refused and call.position > refused[call.agent]
    ]


def brief(request: ModelRequest) -> ModelReply:
    """Prompts as long as they are, and short replies."""
    used = Usage(prompt_tokens=1000, completion_tokens=10)
    return team(1)(request).model_copy(update={"usage": used})


async def test_what_was_not_covered_is_not_covered_in_a_process_that_estimates_less(
    open_harness: Opener,
) -> None:
    """What a call may need is learned by each process: the first thought too little was left."""
    first, asked = await open_harness(brief)
    source = await first.run("count", tools=["calculate"], budget={"tokens": 3_000})
    assert source.stop_reason == "tokens"
    assert asked.requests == []
    second, provider = await open_harness(brief, owner="worker-2")
    for _ in range(4):
        await second.run("learn what calls need", tools=["calculate"])
    provider.requests.clear()
    await second.run("count", tools=["calculate"], budget={"tokens": 3_000})
    assert provider.requests, "here a plan could be afforded"
    provider.requests.clear()
    same = await run_fork(second, source.id)
    assert ended(same) == ended(source)
    assert provider.requests == []
    more = await run_fork(second, source.id, budget={"tokens": 100_000})
    assert more.stop_reason == "completed"


async def test_a_task_that_ran_out_of_time_goes_on_with_more(open_harness: Opener) -> None:
    def script(request: ModelRequest) -> ModelReply:
        if request.kind == "act":
            assert isinstance(clock, FakeClock)
            clock.advance(3600)
        return team(2)(request)

    opened, provider = await open_harness(script)
    clock = opened.platform.clock
    source = await opened.run("hurry", budget={"seconds": 60.0})
    assert source.stop_reason == "deadline"
    provider.requests.clear()
    same = await run_fork(opened, source.id)
    assert ended(same) == ended(source)
    assert provider.requests == []
    fork = await run_fork(opened, source.id, budget={"seconds": 1e6})
    assert (fork.status, fork.stop_reason) == ("done", "completed")
    assert "plan" not in {request.kind for request in provider.requests}


async def test_a_plan_that_was_never_made_is_made_with_what_there_is_now(open_harness: Opener) -> None:
    opened, provider = await open_harness(team(2))
    source = await opened.run("split it", budget={"fanout": 0})
    assert source.stop_reason == "fanout"
    fork = await run_fork(opened, source.id, budget={"fanout": 4})
    assert (fork.status, fork.agents) == ("done", 3)
    assert provider.requests[0].kind == "plan"
