"""What a provider makes of a node's good answers."""

from __future__ import annotations

import asyncio
import threading

import pytest

from bench.support.model_harness import API_KEY, model_harness
from bench.support.replies import Answer, Hang, ToolUse, Usage, calls, refusal, text
from core.errors import ModelOutputInvalid, ModelRefused
from inference import Message, ModelReply, ToolCall, ToolDefinition

pytestmark = pytest.mark.usefixtures("provider")

SEARCH = ToolDefinition(name="search", description="Finds text.", parameters={"type": "object"})


async def test_streams_plain_text_with_its_usage() -> None:
    usage = Usage(prompt_tokens=40, completion_tokens=7, cached_tokens=32)
    async with model_harness(text("A stream of several deltas.", usage=usage)) as harness:
        reply = await harness.ask()
    assert reply.content == "A stream of several deltas."
    assert reply.finish_reason == "stop"
    assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.cached_tokens) == (
        40,
        7,
        32,
    )
    assert reply.usage.known
    assert reply.attempts == 1
    assert harness.node.requests[0]["stream"] is True
    assert harness.observer.first_tokens == [reply.first_token_seconds]
    assert ModelReply.model_validate_json(reply.model_dump_json()) == reply


async def test_sends_the_request_as_asked() -> None:
    async with model_harness(text("ok"), model="meta-llama/Llama-3.1-8B-Instruct") as harness:
        await harness.ask(max_tokens=77, temperature=0.0, seed=5, metadata={"secret": "ours"})
    body = harness.node.requests[0]
    assert body["model"] == "meta-llama/Llama-3.1-8B-Instruct"
    assert (body["max_tokens"], body["temperature"], body["seed"]) == (77, 0.0, 5)
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello?"},
    ]
    assert "metadata" not in body
    assert "tools" not in body
    assert harness.node.headers[0]["Authorization"] == f"Bearer {API_KEY}"


async def test_a_provider_prefix_passes_as_it_is() -> None:
    async with model_harness(text("ok"), model="hosted_vllm/org/name") as harness:
        reply = await harness.ask()
    assert reply.content == "ok"
    assert harness.node.requests[0]["model"] == "org/name"


async def test_assembles_parallel_tool_calls_from_split_arguments() -> None:
    long = '{"query": "' + "x" * 60 + '"}'
    script = calls(ToolUse(name="search", arguments=long), ToolUse(name="read", arguments='{"path": "a.md"}'))
    async with model_harness(script) as harness:
        reply = await harness.ask(tools=(SEARCH,))
    assert reply.finish_reason == "tool_calls"
    assert [(call.name, call.arguments) for call in reply.tool_calls] == [
        ("search", long),
        ("read", '{"path": "a.md"}'),
    ]
    assert [call.id for call in reply.tool_calls] == ["call_scripted_1_0", "call_scripted_1_1"]
    assert harness.node.requests[0]["tools"][0]["function"]["name"] == "search"
    assert harness.node.requests[0]["tool_choice"] == "auto"


async def test_missing_call_ids_are_numbered() -> None:
    script = calls(ToolUse(name="search", id=None), ToolUse(name="search", id=None))
    async with model_harness(script) as harness:
        reply = await harness.ask(tools=(SEARCH,))
    assert [call.id for call in reply.tool_calls] == ["call_1", "call_2"]


async def test_unknown_tools_and_broken_arguments_pass_through() -> None:
    async with model_harness(calls(ToolUse(name="launch", arguments="{oops"))) as harness:
        reply = await harness.ask(tools=(SEARCH,))
    assert reply.tool_calls == (ToolCall(id="call_scripted_1_0", name="launch", arguments="{oops"),)


async def test_tool_results_go_back_on_the_wire() -> None:
    call = ToolCall(id="call_9", name="search", arguments='{"q": 1}')
    history = (
        Message(role="user", content="find"),
        Message(role="assistant", tool_calls=(call,)),
        Message(role="tool", content="found", tool_call_id="call_9"),
    )
    async with model_harness(text("done")) as harness:
        await harness.ask(messages=history, tools=(SEARCH,), tool_choice="search")
    body = harness.node.requests[0]
    assert body["messages"][1]["tool_calls"][0]["id"] == "call_9"
    assert body["messages"][2] == {"role": "tool", "content": "found", "tool_call_id": "call_9"}
    assert body["tool_choice"] == {"type": "function", "function": {"name": "search"}}


async def test_thinking_is_left_out() -> None:
    answer = Answer(reasoning="hmm, well", content="<think>let me see</think>\n\nParis")
    async with model_harness(answer) as harness:
        reply = await harness.ask()
    assert reply.content == "Paris"


async def test_usage_the_node_does_not_send_is_unknown_not_invented() -> None:
    async with model_harness(Answer(content="hello", report_usage=False)) as harness:
        reply = await harness.ask()
    assert not reply.usage.known
    assert reply.usage.total == 0


async def test_a_refusal_is_its_own_error() -> None:
    async with model_harness(refusal("I would rather not.")) as harness:
        with pytest.raises(ModelRefused) as caught:
            await harness.ask()
    assert "rather" not in str(caught.value)
    assert harness.observer.spends[0][0].known
    assert len(harness.node.requests) == 1


async def test_a_content_filter_is_a_refusal() -> None:
    async with model_harness(Answer(content="", finish_reason="content_filter")) as harness:
        with pytest.raises(ModelRefused):
            await harness.ask()


async def test_a_reply_cut_at_max_tokens_is_invalid() -> None:
    async with model_harness(Answer(content="half a", finish_reason="length")) as harness:
        with pytest.raises(ModelOutputInvalid, match=r"max_tokens \(9\)"):
            await harness.ask(max_tokens=9)


async def test_connections_are_used_again() -> None:
    async with model_harness(text("ok")) as harness:
        for _ in range(5):
            await harness.ask()
        assert len(harness.node.requests) == 5
        assert harness.node.connections == 1


async def test_configured_prices_come_first() -> None:
    usage = Usage(prompt_tokens=1000, completion_tokens=100)
    script = text("ok", usage=usage)
    async with model_harness(script, model="gpt-4o-mini", price_prompt=2.0, price_completion=8.0) as harness:
        reply = await harness.ask()
    assert (reply.cost_micros, reply.priced) == (2800, True)


async def test_published_prices_are_used_where_known() -> None:
    usage = Usage(prompt_tokens=1000, completion_tokens=100, cached_tokens=400)
    async with model_harness(text("ok", usage=usage), model="gpt-4o-mini") as harness:
        reply = await harness.ask()
    assert (reply.cost_micros, reply.priced) == (180, True)


async def test_an_unknown_price_says_so() -> None:
    async with model_harness(text("ok")) as harness:
        reply = await harness.ask()
        assert not harness.gateway.priced()
    assert (reply.cost_micros, reply.priced) == (0, False)


async def test_closing_leaves_nothing_running() -> None:
    tasks = asyncio.all_tasks()
    async with model_harness([text("ok"), Answer(content="x", report_usage=False)]) as harness:
        await harness.ask()
        await harness.ask()
    left = {task for task in asyncio.all_tasks() - tasks if not task.done()}
    assert not left
    assert not [thread.name for thread in threading.enumerate() if "AnyIO" in thread.name]


async def test_cancelling_a_call_ends_it_at_the_node_too() -> None:
    async with model_harness(Hang(answer=text("never"), deltas=1)) as harness:
        call = asyncio.create_task(harness.ask())
        await harness.node.received.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await harness.node.idle.wait()
    assert call.cancelled()


async def test_health_lists_models_without_a_model_call() -> None:
    async with model_harness(text("unused")) as harness:
        health = await harness.gateway.check()
        assert (health.reachable, health.detail, health.models) == (True, "answers", ("scripted",))
        assert not harness.node.requests


async def test_health_of_a_dead_node_is_a_fact_not_an_error() -> None:
    async with model_harness(text("unused"), base_url="http://127.0.0.1:9/v1") as harness:
        health = await harness.gateway.check()
    assert health.reachable is False
