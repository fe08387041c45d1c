"""An agent's last chance: what is kept back of a grant, so that a worker cut short can return what it has.

The request is as small as it can be: the same beginning, no tools, and of the tool results only the newest,
in one block. So what it needs at most is the same all through a worker's life, and is known before it begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import JsonValue

from agents import progress, prompt
from agents.ports import AgentFacts
from core.blocks import block
from core.provenance import Trust
from core.schema import for_node
from core.text import clipped, printable
from inference.estimate import TOKENS_PER_MESSAGE, prompt_tokens, text_tokens
from inference.model import Message, ModelRequest, ToolCall, Usage

ROOM_TOKENS = 1_500
"""For tool results."""
RETURN_TOKENS = 800
"""For the return: a few findings."""

_LEAST_RESULT = 60
_FRAME_TOKENS = 120
"""The block around the results, at most."""
_ASK = (
    "There is no room for more work. Above are the newest results of your tools. Give your return now, from "
    'these alone: the JSON object described at the beginning, and nothing else. Its "status" is "partial".'
)


def request(agent: AgentFacts, messages: Sequence[Message]) -> ModelRequest:
    """The last request of a worker; its messages begin with the system's and its brief."""
    system, opening = messages[0], messages[1]
    results = block("results", _newest(messages), Trust.UNTRUSTED)
    return _asking(agent, system, f"{opening.content}\n\n{results}\n\n{_ASK}")


def cost(agent: AgentFacts, messages: Sequence[Message]) -> Usage:
    """The most that `request` can need, however many results come before it."""
    bare = _asking(agent, messages[0], f"{messages[1].content}\n\n\n\n{_ASK}")
    return Usage(
        prompt_tokens=prompt_tokens(bare) + ROOM_TOKENS + _FRAME_TOKENS, completion_tokens=RETURN_TOKENS
    )


def has_read(messages: Sequence[Message]) -> bool:
    """Whether there is anything to return."""
    return any(
        message.role == "tool" and not message.content.startswith(progress.NOT_RUN) for message in messages
    )


def _asking(agent: AgentFacts, system: Message, content: str) -> ModelRequest:
    schema: dict[str, Any] = agent.return_schema or {}
    return ModelRequest(
        kind="return",
        messages=(system, Message(role="user", content=content)),
        output_schema=for_node(schema),
        output_name="findings",
        max_tokens=RETURN_TOKENS,
        metadata=prompt.stamp("worker"),
    )


def _newest(messages: Sequence[Message]) -> list[JsonValue]:
    """As many results as there is room for, the last of them cut, in the order they came."""
    calls = {call.id: call for message in messages for call in message.tool_calls}
    left = ROOM_TOKENS
    kept: list[JsonValue] = []
    for message in reversed(messages):
        if message.role != "tool":
            continue
        entry = _entry(calls.get(message.tool_call_id or ""), message.content, left)
        if entry is None:
            break
        kept.append(entry)
        left -= _size(entry)
    return kept[::-1]


def _entry(call: ToolCall | None, result: str, room: int) -> dict[str, JsonValue] | None:
    """A result, shortened until it fits; None where there is no room worth the while."""
    tool, arguments = ("", "") if call is None else (call.name, clipped(printable(call.arguments), 200))
    entry: dict[str, JsonValue] = {"tool": tool, "arguments": arguments, "result": result}
    while (size := _size(entry)) > room:
        if room < _LEAST_RESULT or len(result) < _LEAST_RESULT:
            return None
        result = result[: min(len(result) - 1, int(len(result) * room / size))]
        entry = {**entry, "result": result}
    return entry


def _size(entry: dict[str, JsonValue]) -> int:
    return TOKENS_PER_MESSAGE + text_tokens(block("results", [entry], Trust.UNTRUSTED))
