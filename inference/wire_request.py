"""A model request in the shapes of the chat completions wire: nodes take it, LiteLLM for all others."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from inference.model import Message, ModelRequest, ToolDefinition

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")


def wire_parameters(request: ModelRequest) -> dict[str, Any]:
    """Keyword arguments for the call; what the request leaves open is left out."""
    parameters: dict[str, Any] = {
        "messages": [_message(message) for message in _alternating(request.messages)],
        "max_tokens": request.max_tokens,
    }
    if request.temperature is not None:
        parameters["temperature"] = request.temperature
    if request.seed is not None:
        parameters["seed"] = request.seed
    if request.tools:
        parameters["tools"] = [_tool(tool) for tool in request.tools]
        parameters["tool_choice"] = _tool_choice(request.tool_choice)
    if request.output_schema is not None:
        parameters["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": request.output_name, "schema": request.output_schema, "strict": True},
        }
    return parameters


def _alternating(messages: Iterable[Message]) -> list[Message]:
    """Users' messages in a row as one, because many chat templates refuse two of them."""
    joined: list[Message] = []
    for message in messages:
        last = joined[-1] if joined else None
        if last is not None and last.role == message.role == "user":
            both = f"{last.content}\n\n{message.content}"
            joined[-1] = last.model_copy(update={"content": both})
        else:
            joined.append(message)
    return joined


def _message(message: Message) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        wire["content"] = message.content or None
        wire["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": _name(call.name), "arguments": _arguments(call.arguments)},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        wire["tool_call_id"] = message.tool_call_id
    return wire


def _name(given: str) -> str:
    """A name as nodes take it back, also where it was none of ours."""
    return _NOT_IN_NAMES.sub("_", given)[:64] or "_"


def _arguments(given: str) -> str:
    """Arguments as nodes take them back: they parse the past, and fail where it is not one JSON object."""
    try:
        is_object = isinstance(json.loads(given), dict)
    except (ValueError, RecursionError):
        is_object = False
    return given if is_object else "{}"


def _tool(tool: ToolDefinition) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _tool_choice(choice: str | None) -> str | dict[str, Any]:
    if choice is None or choice in {"auto", "none", "required"}:
        return choice or "auto"
    return {"type": "function", "function": {"name": choice}}
