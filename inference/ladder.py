"""The three ways of asking a node for structure, from the surest to the one every node understands."""

from __future__ import annotations

import json
from typing import Literal, assert_never

from pydantic import JsonValue

from core.text import clipped
from inference.model import Message, ModelReply, ModelRequest, ToolDefinition
from inference.structure import OutputProblem, OutputSchema, parse_strict

Rung = Literal["json_schema", "tool", "text"]

RUNGS: tuple[Rung, ...] = ("json_schema", "tool", "text")

MAX_QUOTED_REPLY = 6000
"""Characters of a failed reply shown back to the model in its repair."""


def shaped(request: ModelRequest, schema: dict[str, JsonValue], rung: Rung) -> ModelRequest:
    """The request as this rung asks it. Earlier messages stay as they are, so prefix caches still hit."""
    match rung:
        case "json_schema":
            return request
        case "tool":
            return request.model_copy(
                update={
                    "output_schema": None,
                    "tools": (*request.tools, _output_tool(request, schema)),
                    "tool_choice": "required" if _may_use_tools(request) else request.output_name,
                }
            )
        case "text":
            instruction = (
                "Reply with one JSON value and nothing else: no explanation, no markdown. "
                f"It must satisfy this JSON Schema:\n{_compact(schema)}"
            )
            return request.model_copy(
                update={"output_schema": None, "messages": _with_instruction(request.messages, instruction)}
            )
    assert_never(rung)


def read(reply: ModelReply, output_name: str, schema: OutputSchema) -> JsonValue:
    """The validated output in a reply, whichever way it came.

    Raises:
        OutputProblem: it is not strict JSON, or does not fit.
    """
    given = [call.arguments for call in reply.tool_calls if call.name == output_name]
    if len(given) > 1:
        raise OutputProblem(f"{output_name} was called more than once")
    value = parse_strict(given[0] if given else reply.content)
    schema.check(value)
    return value


def wants_tools(reply: ModelReply, request: ModelRequest) -> bool:
    """Whether the reply calls the request's own tools, where it may, instead of giving the output."""
    return _may_use_tools(request) and any(call.name != request.output_name for call in reply.tool_calls)


def spoken(reply: ModelReply, output: JsonValue) -> str:
    """What the model said as strict JSON, for the prompts that follow: verbatim where it was that already."""
    body = reply.content.strip()
    return body if body and not reply.tool_calls and not body.startswith("`") else _compact(output)


def repaired(
    asked: ModelRequest, schema: dict[str, JsonValue], reply: ModelReply, problem: OutputProblem
) -> ModelRequest:
    """The same request with the failed reply and what was wrong with it appended."""
    complaint = (
        f"That reply cannot be used: {problem}. Give the whole answer again, corrected, as one JSON value "
        f"and nothing else. It must satisfy this JSON Schema:\n{_compact(schema)}"
    )
    if reply.tool_calls and asked.tools:
        answers = tuple(
            Message(role="tool", tool_call_id=call.id, content=complaint if index == 0 else "see above")
            for index, call in enumerate(reply.tool_calls)
        )
        said = Message(role="assistant", content=reply.content, tool_calls=reply.tool_calls)
        return asked.model_copy(update={"messages": (*asked.messages, said, *answers)})
    said = Message(role="assistant", content=clipped(reply.content, MAX_QUOTED_REPLY) or "(empty)")
    turn = Message(role="user", content=complaint)
    return asked.model_copy(update={"messages": (*asked.messages, said, turn)})


def _may_use_tools(request: ModelRequest) -> bool:
    return bool(request.tools) and request.tool_choice != "none"


def _output_tool(request: ModelRequest, schema: dict[str, JsonValue]) -> ToolDefinition:
    return ToolDefinition(
        name=request.output_name,
        description="Give the finished answer. Call this exactly once.",
        parameters=schema,
    )


def _with_instruction(messages: tuple[Message, ...], instruction: str) -> tuple[Message, ...]:
    """Joins the last user message, because many chat templates refuse two of the same role in a row."""
    if messages and messages[-1].role == "user":
        last = messages[-1]
        joined = last.model_copy(update={"content": f"{last.content}\n\n{instruction}"})
        return (*messages[:-1], joined)
    return (*messages, Message(role="user", content=instruction))


def _compact(value: JsonValue) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
