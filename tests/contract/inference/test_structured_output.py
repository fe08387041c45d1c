"""The ladder of structured output: the node's own JSON mode, then a forced tool, then strict JSON in text."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.support.model_harness import model_harness
from bench.support.replies import (
    Answer,
    HttpError,
    Reply,
    ToolUse,
    calls,
    rate_limited,
    response_format_rejected,
    text,
)
from core.errors import InvalidInput, ModelOutputInvalid, ModelRejected
from inference import ToolDefinition

pytestmark = pytest.mark.usefixtures("provider")

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer"}},
    "required": ["city", "people"],
    "additionalProperties": False,
}
GOOD: dict[str, Any] = {"city": "Paris", "people": 2_100_000}
GOOD_TEXT = json.dumps(GOOD)
WRONG_TEXT = json.dumps({"city": "Paris", "people": "many"})
SEARCH = ToolDefinition(name="search", parameters={"type": "object"})


def no_json_mode(request: dict[str, Any]) -> Reply:
    """A node without `response_format`, that follows a forced tool call."""
    if "response_format" in request:
        return response_format_rejected()
    return calls(ToolUse(name=request["tool_choice"]["function"]["name"], arguments=GOOD_TEXT))


def text_only(request: dict[str, Any]) -> Reply:
    """A node with neither `response_format` nor tools."""
    if "response_format" in request:
        return response_format_rejected(422)
    if "tools" in request:
        return HttpError(status=400, message="tools are not enabled on this server")
    return text(f"```json\n{GOOD_TEXT}\n```\n")


async def test_json_schema_mode_is_asked_for_first() -> None:
    async with model_harness(text(GOOD_TEXT)) as harness:
        reply = await harness.ask(output_schema=SCHEMA, output_name="census")
    assert reply.output == GOOD
    assert harness.node.requests[0]["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "census", "schema": SCHEMA, "strict": True},
    }
    assert len(harness.node.requests) == 1


async def test_a_node_without_json_mode_gets_a_forced_tool_call_and_is_remembered() -> None:
    async with model_harness(no_json_mode) as harness:
        first = await harness.ask(output_schema=SCHEMA)
        second = await harness.ask(output_schema=SCHEMA)
    assert first.output == second.output == GOOD
    assert first.tool_calls == ()
    assert (first.attempts, second.attempts) == (2, 1)
    assert ["response_format" in request for request in harness.node.requests] == [True, False, False]
    forced = harness.node.requests[1]
    assert forced["tools"][0]["function"]["parameters"] == SCHEMA
    assert harness.observer.notices[0].reason == "fallback"


async def test_a_node_with_nothing_gets_strict_json_in_text() -> None:
    async with model_harness(text_only) as harness:
        reply = await harness.ask(output_schema=SCHEMA)
        again = await harness.ask(output_schema=SCHEMA)
    assert reply.output == again.output == GOOD
    assert (reply.attempts, again.attempts) == (3, 1)
    asked = harness.node.requests[2]["messages"]
    assert [message["role"] for message in asked] == ["system", "user"]
    assert "additionalProperties" in asked[-1]["content"]


async def test_a_request_bad_in_any_form_teaches_nothing() -> None:
    script = [HttpError(status=400, message="bad")] * 3 + [text(GOOD_TEXT)]
    async with model_harness(script) as harness:
        with pytest.raises(ModelRejected):
            await harness.ask(output_schema=SCHEMA)
        await harness.ask(output_schema=SCHEMA)
    assert "response_format" in harness.node.requests[3]


async def test_an_unauthorised_request_does_not_fall_down_the_ladder() -> None:
    async with model_harness(HttpError(status=401)) as harness:
        with pytest.raises(ModelRejected):
            await harness.ask(output_schema=SCHEMA)
    assert len(harness.node.requests) == 1


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (text('{"city": "Paris", '), "not JSON as a whole"),
        (text(f"Sure! Here it is: {GOOD_TEXT}"), "not JSON as a whole"),
        (text(f"{GOOD_TEXT}\n{GOOD_TEXT}"), "not JSON as a whole"),
        (text(WRONG_TEXT), "$.people: does not satisfy type"),
        (text('{"city": "Paris"}'), "required properties are missing: people"),
        (text(json.dumps(GOOD | {"extra": "x"})), "properties the schema does not allow"),
        (text('{"city": "a", "city": "b", "people": 1}'), "the same key twice"),
        (text('{"city": "a", "people": NaN}'), "NaN is not JSON"),
        (text(""), "the reply is empty"),
    ],
)
async def test_an_invalid_reply_is_repaired_once(reply: Answer, complaint: str) -> None:
    async with model_harness([reply, text(GOOD_TEXT)]) as harness:
        answer = await harness.ask(output_schema=SCHEMA)
    assert answer.output == GOOD
    assert answer.attempts == 2
    first, second = (request["messages"] for request in harness.node.requests)
    assert second[: len(first)] == first
    assert [message["role"] for message in second[len(first) :]] == ["assistant", "user"]
    assert complaint in second[-1]["content"]
    notice = harness.observer.notices[0]
    assert (notice.reason, notice.code) == ("repair", "model_output_invalid")
    assert notice.tokens > 1024


async def test_a_second_invalid_reply_is_final() -> None:
    async with model_harness(text(WRONG_TEXT)) as harness:
        with pytest.raises(ModelOutputInvalid, match="after one repair") as caught:
            await harness.ask(output_schema=SCHEMA)
    assert len(harness.node.requests) == 2
    assert "many" not in str(caught.value)
    assert len(harness.observer.spends) == 2


async def test_a_forced_tool_call_is_repaired_in_its_own_form() -> None:
    def script(request: dict[str, Any]) -> Reply:
        if "response_format" in request:
            return response_format_rejected()
        repaired = request["messages"][-1]["role"] == "tool"
        return calls(ToolUse(name="output", arguments=GOOD_TEXT if repaired else WRONG_TEXT))

    async with model_harness(script) as harness:
        reply = await harness.ask(output_schema=SCHEMA)
    assert reply.output == GOOD
    assert reply.usage.prompt_tokens == sum(usage.prompt_tokens for usage, _ in harness.observer.spends)


async def test_a_node_that_ignores_the_forced_tool_may_answer_in_text() -> None:
    async with model_harness([response_format_rejected(), text(GOOD_TEXT)]) as harness:
        reply = await harness.ask(output_schema=SCHEMA)
    assert reply.output == GOOD


async def test_calls_of_the_requests_own_tools_pass_instead_of_an_output() -> None:
    async with model_harness(calls(ToolUse(name="search"))) as harness:
        reply = await harness.ask(output_schema=SCHEMA, tools=(SEARCH,))
    assert reply.output is None
    assert reply.tool_calls[0].name == "search"


async def test_an_answer_cut_at_max_tokens_is_not_repaired() -> None:
    async with model_harness(Answer(content='{"city": "Par', finish_reason="length")) as harness:
        with pytest.raises(ModelOutputInvalid, match="max_tokens"):
            await harness.ask(output_schema=SCHEMA)
    assert len(harness.node.requests) == 1


async def test_failures_are_bounded_over_all_forms_together() -> None:
    script = [rate_limited("1"), text(WRONG_TEXT), HttpError(status=500), text(GOOD_TEXT)]
    async with model_harness(script, max_attempts=3) as harness:
        reply = await harness.ask(output_schema=SCHEMA)
    assert reply.output == GOOD
    assert reply.attempts == 4
    assert harness.clock.slept == [1.0, 1.0]


async def test_a_schema_that_is_none_is_refused_before_any_call() -> None:
    async with model_harness(text("{}")) as harness:
        with pytest.raises(InvalidInput):
            await harness.ask(output_schema={"type": "banana"})
    assert not harness.node.requests
