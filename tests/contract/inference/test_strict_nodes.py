"""What strict chat templates and parsers refuse is never sent; what a node overdoes is not taken."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.support.model_harness import model_harness
from bench.support.replies import Answer, HttpError, Reply, ToolUse, calls, text
from bench.support.templates import objection
from core.errors import ModelOutputInvalid
from inference import Message, ToolCall, ToolDefinition

pytestmark = pytest.mark.usefixtures("provider")

SEARCH = ToolDefinition(name="search", parameters={"type": "object"})
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
HISTORY = (
    Message(role="system", content="Be brief."),
    Message(role="user", content="One."),
    Message(role="user", content="Two."),
    Message(role="assistant", tool_calls=(ToolCall(id="a", name="search", arguments="{oops"),)),
    Message(role="tool", content="not JSON", tool_call_id="a"),
)


def strict(request: dict[str, Any]) -> Reply:
    wrong = objection(request, context_tokens=16_384)
    return HttpError(status=400, message=wrong) if wrong else text("fine")


async def test_a_strict_node_takes_our_history() -> None:
    async with model_harness(strict) as harness:
        reply = await harness.ask(messages=HISTORY, tools=(SEARCH,))
    assert reply.content == "fine"
    sent = harness.node.requests[0]["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "tool"]
    assert sent[1]["content"] == "One.\n\nTwo."
    assert sent[2]["tool_calls"][0]["function"]["arguments"] == "{}"


async def test_a_longer_history_begins_as_the_shorter_one_did() -> None:
    async with model_harness(text("ok")) as harness:
        await harness.ask(messages=HISTORY[:3])
        await harness.ask(messages=HISTORY, tools=(SEARCH,))
    first, second = (request["messages"] for request in harness.node.requests)
    assert second[: len(first)] == first


@pytest.mark.parametrize(
    ("reply", "content"),
    [
        (text('{"n": 1}'), '{"n": 1}'),
        (text('```json\n{"n": 1}\n```'), '{"n":1}'),
        (calls(ToolUse(name="output", arguments='{"n": 1}')), '{"n":1}'),
    ],
    ids=["verbatim", "fenced", "by-tool"],
)
async def test_a_structured_replys_content_is_its_json(reply: Answer, content: str) -> None:
    async with model_harness(reply) as harness:
        answer = await harness.ask(output_schema=SCHEMA)
    assert answer.content == content
    assert json.loads(answer.content) == answer.output == {"n": 1}


async def test_where_no_tool_may_be_called_a_call_is_repaired_once() -> None:
    script = [calls(ToolUse(name="search")), text('{"n": 2}')]
    async with model_harness(script) as harness:
        answer = await harness.ask(output_schema=SCHEMA, tools=(SEARCH,), tool_choice="none")
    assert (answer.output, answer.tool_calls) == ({"n": 2}, ())
    assert objection(harness.node.requests[1], context_tokens=16_384) is None


async def test_a_tool_for_the_output_is_forced_where_no_other_may_be_called() -> None:
    script = [
        HttpError(status=400, message="no json_schema"),
        calls(ToolUse(name="output", arguments='{"n": 3}')),
    ]
    async with model_harness(script) as harness:
        answer = await harness.ask(output_schema=SCHEMA, tools=(SEARCH,), tool_choice="none")
    assert answer.output == {"n": 3}
    assert harness.node.requests[1]["tool_choice"]["function"]["name"] == "output"


@pytest.mark.parametrize(
    "huge",
    [
        Answer(content="word " * 100_000, chunk=4096),
        Answer(tool_calls=(ToolUse(name="search", arguments="x" * 500_000),), chunk=4096),
    ],
    ids=["text", "arguments"],
)
async def test_a_reply_beyond_all_bounds_is_not_read_to_its_end(huge: Answer) -> None:
    async with model_harness(huge) as harness:
        with pytest.raises(ModelOutputInvalid, match="longer than any answer"):
            await harness.ask(tools=(SEARCH,), max_tokens=100)
        await harness.node.idle.wait()
    assert len(harness.node.requests) == 1
    assert [usage.known for usage, _ in harness.observer.spends] == [False]
