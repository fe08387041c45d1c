"""The last chance of a worker that is cut short: what it costs is known, and what it brings is marked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.memory import InMemorySaver

from agents import chance, worker
from agents.graph import TurnContext
from bench.support.scripts import calls, says
from core.blocks import read_blocks
from core.errors import BudgetExhausted, BudgetLimit
from inference.estimate import prompt_tokens
from inference.model import Message, ModelReply, ModelRequest, ToolCall, Usage
from tests.unit.agents.turns import ScriptedTurn, facts

FOUND = {"status": "found", "findings": [{"file": "a.md", "line": 1, "quote": "one"}]}

results = st.lists(st.tuples(st.text(max_size=300), st.text(max_size=6000)), max_size=12)


def history(told: list[tuple[str, str]]) -> list[Message]:
    messages = [Message(role="system", content="Work."), Message(role="user", content="Why?")]
    for number, (asked, result) in enumerate(told):
        call = ToolCall(id=str(number), name="read_file", arguments=asked)
        messages.append(Message(role="assistant", tool_calls=(call,)))
        messages.append(Message(role="tool", content=result, tool_call_id=call.id))
    return messages


@given(told=results)
def test_it_never_needs_more_than_was_kept_back(told: list[tuple[str, str]]) -> None:
    agent, messages = facts(), history(told)
    request, kept = chance.request(agent, messages), chance.cost(agent, messages[:2])
    assert prompt_tokens(request) <= kept.prompt_tokens
    assert request.max_tokens <= kept.completion_tokens
    assert kept == chance.cost(agent, messages), "whatever was read meanwhile"


def test_it_shows_the_newest_results_whole_and_an_older_one_cut() -> None:
    told = [("old", "x " * 4000), ("middle", "y " * 4000), ("new", "z " * 100)]
    request = chance.request(facts(), history(told))
    shown: Any = read_blocks(request.messages[1].content)["results"]
    assert [entry["arguments"] for entry in shown] == ["middle", "new"]
    assert shown[1]["result"] == "z " * 100
    assert 0 < len(shown[0]["result"]) < 8000
    assert request.tools == ()


class Stingy(ScriptedTurn):
    """Has a limit once something was read; after that, only requests that say so can be paid."""

    limit: BudgetLimit = "tokens"
    payable: frozenset[str] = frozenset({"usual", "cheap"})

    async def model(self, request: ModelRequest, *, keep: Usage | None = None) -> ModelReply:
        if request.kind == "act" and self.calls:
            raise BudgetExhausted(self.limit)
        if (
            request.kind == "return"
            and ("usual" if request.tools or len(request.messages) > 2 else "cheap") not in self.payable
        ):
            raise BudgetExhausted(self.limit)
        return await super().model(request, keep=keep)


def script(request: ModelRequest) -> ModelReply:
    return calls("read_file", path="a.md") if request.kind == "act" else says(FOUND)


async def work(turn: ScriptedTurn) -> None:
    graph: Any = worker.worker_graph(InMemorySaver())
    config = {"configurable": {"thread_id": "one"}}
    await graph.ainvoke({}, config, context=TurnContext(turn), durability="exit")


@pytest.mark.parametrize("limit", ["tokens", "cost", "tool_calls", "deadline"])
async def test_a_limit_ends_the_work_and_not_the_worker(limit: BudgetLimit) -> None:
    turn = Stingy(facts(), script, told=lambda call: "one")
    turn.limit = limit
    await work(turn)
    assert [json.loads(text)["status"] for text in turn.offered] == ["partial"], "it said that it found all"
    assert turn.cut is not None
    assert turn.cut.limit == limit


async def test_where_the_usual_return_is_too_dear_a_cheap_one_is_asked_for() -> None:
    turn = Stingy(facts(), script, told=lambda call: "one")
    turn.payable = frozenset({"cheap"})
    await work(turn)
    assert turn.cut is not None
    assert "one" in turn.requests[-1].messages[1].content


async def test_where_nothing_can_be_paid_it_fails_with_the_limit() -> None:
    turn = Stingy(facts(), script, told=lambda call: "one")
    turn.payable = frozenset()
    with pytest.raises(BudgetExhausted) as failed:
        await work(turn)
    assert failed.value.limit == "tokens"
    assert turn.cut is None


async def test_who_has_read_nothing_has_nothing_to_return() -> None:
    class Poor(ScriptedTurn):
        async def model(self, request: ModelRequest, *, keep: Usage | None = None) -> ModelReply:
            await super().model(request, keep=keep)
            raise BudgetExhausted("tokens")

    turn = Poor(facts(), script)
    with pytest.raises(BudgetExhausted):
        await work(turn)
    assert [request.kind for request in turn.requests] == ["act", "act"], (
        "with something kept back, and without"
    )
    assert turn.kept[0] is not None
    assert turn.kept[1] is None


async def test_a_worker_in_circles_is_asked_for_its_return() -> None:
    turn = ScriptedTurn(facts(), script, told=lambda call: "one")
    await work(turn)
    assert len(turn.calls) == 1
    assert turn.cut is not None
    assert turn.cut.limit == "loop"
    assert json.loads(turn.offered[0])["status"] == "partial"


async def test_a_worker_that_ends_in_time_is_whole() -> None:
    def quick(request: ModelRequest) -> ModelReply:
        return says(FOUND) if request.messages[-1].role == "tool" else calls("read_file", path="a.md")

    turn = ScriptedTurn(facts(), quick, told=lambda call: "one")
    await work(turn)
    assert turn.cut is None
    assert json.loads(turn.offered[0])["status"] == "found"
