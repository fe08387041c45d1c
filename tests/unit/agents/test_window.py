"""What a worker reads never outgrows a small context window, and what is left out is said."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from agents import window
from agents.graph import TurnContext
from agents.worker import worker_graph
from bench.support.templates import objection
from inference.model import Message, ModelReply, ModelRequest, ToolCall
from tests.unit.agents.turns import ScriptedTurn, facts
from tools import MeaningSearch
from tools.builtin import builtin_tools

SPECS = [tool.spec for tool in builtin_tools(MeaningSearch(None)) if tool.spec.name != "survey_files"]
PROSE = "The keeper writes what the weather was, and when the lamp was lit.\n"
NOISE = "9f8a7b6c5d4e3f2a1b0c9d8e7f6a5b4c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9f8a\n"


def big(text: str) -> str:
    return (text * 300)[:16_000]


def reads(*starts: int) -> ModelReply:
    calls = tuple(
        ToolCall(id=f"call-{start}", name="read_file", arguments=json.dumps({"path": "a.md", "start": start}))
        for start in starts
    )
    return ModelReply(tool_calls=calls, finish_reason="tool_calls")


def wire(request: ModelRequest) -> dict[str, Any]:
    """A request as a node gets it."""
    messages: list[dict[str, Any]] = []
    for message in request.messages:
        entry: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.tool_calls:
            entry["tool_calls"] = [
                {"id": call.id, "function": {"name": call.name, "arguments": call.arguments}}
                for call in message.tool_calls
            ]
        if message.tool_call_id:
            entry["tool_call_id"] = message.tool_call_id
        messages.append(entry)
    tools = [{"name": tool.name, "parameters": tool.parameters} for tool in request.tools]
    return {"messages": messages, "tools": tools, "max_tokens": request.max_tokens}


async def run(replies: list[ModelReply], text: str) -> ScriptedTurn:
    said = iter(replies)
    done = ModelReply(content='{"status": "not_found", "findings": []}')
    turn = ScriptedTurn(facts(), lambda _: next(said, done), lambda call: f"{call.id}\n{big(text)}", SPECS)
    graph: Any = worker_graph(InMemorySaver())
    config = {"configurable": {"thread_id": "t"}}
    await graph.ainvoke({}, config, context=TurnContext(turn), durability="exit")
    return turn


@pytest.mark.parametrize("text", [PROSE, NOISE])
@pytest.mark.parametrize(
    "replies", [[reads(n) for n in range(1, 9)], [reads(*range(1, 9))], [reads(1, 2, 3), reads(4, 5, 6)]]
)
async def test_big_reads_fit_a_small_window(replies: list[ModelReply], text: str) -> None:
    turn = await run(replies, text)
    assert len(turn.calls) == sum(len(reply.tool_calls) for reply in replies)
    for request in turn.requests:
        assert objection(wire(request), context_tokens=window.WINDOW_TOKENS) is None
    for reply, request in zip(replies, turn.requests[1:], strict=True):
        newest = request.messages[-len(reply.tool_calls) :]
        assert all(message.content.startswith(message.tool_call_id or "?") for message in newest)


async def test_what_is_left_out_says_how_to_read_it_again_and_may_be_read_again() -> None:
    turn = await run([reads(1), reads(2), reads(3), reads(1)], PROSE)
    third = turn.requests[3].messages
    oldest = next(message for message in third if message.role == "tool")
    assert oldest.content.startswith("left out to make room: 16,0")
    assert 'repeat read_file {"path": "a.md", "start": 1}' in oldest.content
    assert [call.id for call in turn.calls] == ["call-1", "call-2", "call-3", "call-1"]
    assert turn.requests[4].messages[-1].content.startswith("call-1\n")


async def test_a_call_whose_result_is_there_is_not_made_again() -> None:
    turn = await run([reads(1), reads(1)], PROSE)
    assert len(turn.calls) == 1


async def test_a_repeated_turn_asks_with_the_same_prompts_and_they_seldom_change_their_beginning() -> None:
    replies = [reads(n) for n in range(1, 12)]
    first, second = await run(replies, PROSE[:20]), await run(replies, PROSE[:20])
    assert first.requests == second.requests
    prompts = [request.messages for request in first.requests]
    grown = [later[: len(earlier)] == earlier for earlier, later in pairwise(prompts)]
    assert grown.count(False) <= 4


def test_results_share_their_room_and_short_ones_stay_whole() -> None:
    shared = window.shared(["short", big(PROSE), big(PROSE)], 4_000)
    assert shared[0] == "short"
    assert shared[1] == shared[2]
    assert shared[1].endswith("Ask for fewer lines, or for one thing at a time)")
    assert "of 16,000 characters" in shared[1]
    assert window.shared(["short"], 4_000) == ["short"]


def test_what_fits_is_not_touched() -> None:
    messages = [Message(role="user", content="q"), Message(role="tool", content="r", tool_call_id="1")]
    assert window.fitted(messages, 4_000) == messages


FOUND = "The lamp was lit at dusk, because the boats were late.\n"
BLOCK_TOKENS = 16


async def test_what_a_reply_found_stays_when_it_is_folded_and_can_still_be_quoted() -> None:
    said = iter([reads(n) for n in range(1, 5)])
    done = ModelReply(content='{"status": "not_found", "findings": []}')
    text = {f"call-{n}": f"log.md:1-9 (score 0.5)\n{n}\t{FOUND}{big(PROSE)}" for n in range(1, 5)}
    asked = facts(question="Why were the boats late?")
    turn = ScriptedTurn(asked, lambda _: next(said, done), lambda call: text[call.id], SPECS)
    graph: Any = worker_graph(InMemorySaver())
    await graph.ainvoke({}, {"configurable": {"thread_id": "t"}}, context=TurnContext(turn))
    oldest = next(message for message in turn.requests[-1].messages if message.role == "tool")
    assert oldest.content.splitlines()[0].startswith("folded to make room: ")
    assert oldest.content.splitlines()[1:] == ["log.md:1-9 (score 0.5)", f"1\t{FOUND.strip()}"]


def cached_share(prompts: list[str]) -> float:
    """Of the blocks of all prompts, those a cache of 16-token blocks has from the prompts before."""
    cache: set[tuple[str, ...]] = set()
    hits = blocks = 0
    for prompt in prompts:
        words = prompt.split()
        whole = [tuple(words[:end]) for end in range(BLOCK_TOKENS, len(words) + 1, BLOCK_TOKENS)]
        hits += sum(block in cache for block in whole)
        blocks += len(whole)
        cache.update(whole)
    return hits / blocks


async def test_most_of_a_long_workers_prompts_is_in_the_prefix_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Much is folded at once: folded call by call, the beginning would change with every call."""

    async def share() -> float:
        said = iter([reads(n) for n in range(1, 21)])
        done = ModelReply(content='{"status": "not_found", "findings": []}')
        told = "The keeper writes what the weather was. " * 60
        turn = ScriptedTurn(facts(), lambda _: next(said, done), lambda call: f"{call.id}\n{told}", SPECS)
        graph: Any = worker_graph(InMemorySaver())
        await graph.ainvoke({}, {"configurable": {"thread_id": "t"}}, context=TurnContext(turn))
        prompts = ["\n".join(message.content for message in request.messages) for request in turn.requests]
        assert any(message.content.startswith("left out") for message in turn.requests[-1].messages)
        return cached_share(prompts)

    at_once = await share()
    monkeypatch.setattr(window, "_KEPT", 0.99)
    call_by_call = await share()
    assert at_once > 0.7 > call_by_call
