"""Whether a worker gets anywhere: its calls and their results, as its messages tell them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from agents import window
from inference.model import Message, ToolCall

NOT_RUN = "not run: "
AGAIN = f"{NOT_RUN}you made this very call before, and its result is above. Use that, or ask something else."

SAME_CALLS = 3
"""Calls that were answered, or failed, before: so many, and the worker is asked for its return."""
IDLE_REPLIES = 4
"""Replies in a row whose calls brought nothing new: the same."""

_FAILED = "error ("


def answered(messages: Sequence[Message]) -> set[tuple[str, str]]:
    """Name and arguments of the calls whose whole result is there; failures may be tried again."""
    return {
        (call.name, call.arguments)
        for reply in _replies(messages)
        for call, result in reply
        if window.is_whole(result) and not result.startswith((NOT_RUN, _FAILED))
    }


def circling(messages: Sequence[Message]) -> str | None:
    """In words, how a worker goes round in circles; None while it gets on."""
    failed: Counter[tuple[str, str]] = Counter()
    seen: set[str] = set()
    repeated = idle = 0
    for reply in _replies(messages):
        idle += 1
        for call, result in reply:
            if result == AGAIN:
                repeated += 1
            elif result.startswith(_FAILED):
                failed[call.name, call.arguments] += 1
                repeated += failed[call.name, call.arguments] > 1
            elif not result.startswith(NOT_RUN) and result not in seen:
                seen.add(result)
                idle = 0
    if repeated >= SAME_CALLS:
        return f"it repeated calls {repeated} times whose outcome it had"
    if idle >= IDLE_REPLIES:
        return f"{idle} replies in a row brought nothing new"
    return None


def _replies(messages: Sequence[Message]) -> Iterator[list[tuple[ToolCall, str]]]:
    """The calls of each reply, with what came of them."""
    calls: list[ToolCall] = []
    found: list[tuple[ToolCall, str]] = []
    for message in messages:
        if message.role == "tool" and calls:
            found.append((calls.pop(0), message.content))
            if not calls:
                yield found
                found = []
        elif message.tool_calls:
            calls, found = list(message.tool_calls), []
