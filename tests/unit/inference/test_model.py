from __future__ import annotations

import pytest
from pydantic import ValidationError

from inference import Message, ModelReply, ModelRequest, ToolCall, ToolDefinition, Usage

REQUEST = ModelRequest(
    kind="plan",
    messages=(
        Message(role="system", content="Plan."),
        Message(role="assistant", tool_calls=(ToolCall(id="c1", name="search", arguments="{}"),)),
        Message(role="tool", content="ü", tool_call_id="c1"),
    ),
    tools=(ToolDefinition(name="search", parameters={"type": "object", "b": 1, "a": 2}),),
    output_schema={"type": "object"},
    temperature=0.0,
    metadata={"step": 1},
)


def test_requests_and_replies_survive_json() -> None:
    reply = ModelReply(
        content="x",
        tool_calls=(ToolCall(id="c", name="n", arguments="{}"),),
        usage=Usage(prompt_tokens=3, completion_tokens=4),
        output={"a": [1, None, "b"]},
    )
    assert ModelRequest.model_validate(REQUEST.canonical()) == REQUEST
    assert ModelReply.model_validate_json(reply.model_dump_json()) == reply


def test_values_are_frozen_and_closed() -> None:
    with pytest.raises(ValidationError):
        REQUEST.kind = "act"  # pyright: ignore[reportAttributeAccessIssue] - the point of the test
    with pytest.raises(ValidationError):
        Message.model_validate({"role": "user", "content": "x", "surprise": 1})
    with pytest.raises(ValidationError):
        ToolDefinition(name="not a name", parameters={})


def test_usage_adds_up_and_one_unknown_part_makes_it_unknown() -> None:
    known = Usage(prompt_tokens=1, completion_tokens=2, cached_tokens=1)
    assert known + known == Usage(prompt_tokens=2, completion_tokens=4, cached_tokens=2)
    assert (known + known).total == 6
    assert not (known + Usage(known=False)).known
