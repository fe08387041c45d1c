"""What of a worker's messages goes into a prompt: no more than a small context window holds.

Tool results are what fills a window. Those of one reply share a part of it when they arrive, and where the
messages then outgrow it, the oldest replies are folded (`agents.folding`): their results give way to the few
lines that bear on the question. Where those are too much as well, the oldest leave a line that says so. All
are functions of the messages alone, so a repeated turn asks with the same prompt; and so much goes at once
that the prompts after it grow from the same beginning again (law 10).
"""

from __future__ import annotations

from collections.abc import Sequence

from agents import folding
from core.text import clipped, printable
from inference.estimate import TOKENS_PER_MESSAGE, text_tokens
from inference.model import Message, ToolCall

WINDOW_TOKENS = 16_384
"""The smallest context window that agents are made for, prompt and reply together."""
LEAST_TOKENS = 4_000
"""Left for messages, whatever the tools and the schema take."""

_SHARED = 0.6
"""Of the room for messages: what the results of one reply may take."""
_KEPT = 0.7
"""Of the room for messages: what is kept where something must go."""

_LEFT_OUT = "left out to make room: "
_CUT = "(cut to make room: "


def room(overhead: int, reply: int) -> int:
    """Tokens for messages, beside tools and schema and before the reply."""
    return max(LEAST_TOKENS, WINDOW_TOKENS - overhead - reply)


def fitted(messages: Sequence[Message], room: int) -> list[Message]:
    """The messages, with the oldest tool results left out where all of them are too much."""
    kept: list[Message] = []
    calls: dict[str, ToolCall] = {}
    asked = folding.asked(messages)
    total = newest = 0
    for message in messages:
        calls |= {call.id: call for call in message.tool_calls}
        newest = len(kept) if message.tool_calls else newest
        kept.append(message)
        total += _tokens(message)
        if total > room:
            total -= _fold(kept, range(newest), calls, asked, total - int(room * _KEPT))
        if total > room:
            total -= _make_room(kept, range(newest), calls, total - int(room * _KEPT))
        if total > room:
            total -= _make_room(kept, range(newest, len(kept) - 1), calls, total - room)
    return kept


def shared(results: Sequence[str], room: int) -> list[str]:
    """The results of one reply, the longest of them cut until all have their place."""
    sizes = [text_tokens(result) for result in results]
    left, most = int(room * _SHARED), 0
    for waiting, size in zip(range(len(sizes), 0, -1), sorted(sizes), strict=True):
        most = max(most, left // waiting)
        left -= min(size, left // waiting)
    return [
        result if size <= most else _cut(result, most) for result, size in zip(results, sizes, strict=True)
    ]


def is_whole(result: str) -> bool:
    """Whether nothing of a tool result was left out here."""
    return not result.startswith((_LEFT_OUT, folding.FOLDED)) and _CUT not in result[-200:]


def _fold(
    kept: list[Message], places: range, calls: dict[str, ToolCall], asked: frozenset[str], wanted: int
) -> int:
    """Fold replies, the oldest first and each with all its results; returns the tokens that frees."""
    freed = 0
    for run in folding.runs(kept, places):
        if freed >= wanted:
            break
        for place in run:
            message = kept[place]
            if message.content.startswith((_LEFT_OUT, folding.FOLDED)):
                continue
            short = message.model_copy(update={"content": _folded(message, calls, asked)})
            if (gain := _tokens(message) - _tokens(short)) > 0:
                kept[place] = short
                freed += gain
    return freed


def _make_room(kept: list[Message], places: range, calls: dict[str, ToolCall], wanted: int) -> int:
    """Leave tool results out, the oldest first; returns the tokens that frees."""
    freed = 0
    for place in places:
        message = kept[place]
        if freed >= wanted:
            break
        if message.role == "tool" and not message.content.startswith(_LEFT_OUT):
            shorter = message.model_copy(update={"content": _left_out(message, calls)})
            if (gain := _tokens(message) - _tokens(shorter)) > 0:
                kept[place] = shorter
                freed += gain
    return freed


def _folded(message: Message, calls: dict[str, ToolCall], asked: frozenset[str]) -> str:
    short = folding.folded(message.content, asked)
    if short is None:
        return _left_out(message, calls)
    head = f"{folding.FOLDED}{_again(message, calls)}. What bears on the question:"
    return f"{head}\n{short}"


def _left_out(message: Message, calls: dict[str, ToolCall]) -> str:
    return f"{_LEFT_OUT}{_again(message, calls)}"


def _again(message: Message, calls: dict[str, ToolCall]) -> str:
    call = calls.get(message.tool_call_id or "")
    made = f"{call.name} {clipped(printable(call.arguments), 300)}" if call else "the call"
    return f"{len(message.content):,} characters. To read them again, repeat {made}"


def _cut(result: str, tokens: int) -> str:
    """The first whole lines that fit, or a part of the first where that alone is too long."""
    lines, used = list[str](), 0
    for line in result.split("\n"):
        used += text_tokens(line) + 1
        if used > tokens:
            break
        lines.append(line)
    start = "\n".join(lines) or result[: tokens // 2]
    more = f"{len(result) - len(start):,} of {len(result):,} characters"
    return f"{start}\n{_CUT}{more}. Ask for fewer lines, or for one thing at a time)"


def _tokens(message: Message) -> int:
    calls = sum(text_tokens(call.name + call.arguments) + TOKENS_PER_MESSAGE for call in message.tool_calls)
    return TOKENS_PER_MESSAGE + text_tokens(message.content) + calls
