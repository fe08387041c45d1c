"""A streamed reply, put together again: text, tool calls, how it ended and what it used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from core.errors import ModelOutputInvalid, ModelUnavailable
from inference.model import UNKNOWN_USAGE, FinishReason, ModelReply, ToolCall, Usage

_THINK_OPEN = "<think>"
_THINK_CLOSE = "</think>"
CHARACTERS_PER_TOKEN = 64
ROOM = 4096
"""A reply longer than these allow is not read to its end: its node does not keep to `max_tokens`."""

_FINISH: dict[str, FinishReason] = {
    "stop": "stop",
    "tool_calls": "tool_calls",
    "length": "length",
    "content_filter": "content_filter",
    "refusal": "refusal",
    "function_call": "tool_calls",
    "max_tokens": "length",
    "end_turn": "stop",
    "eos": "stop",
}


@dataclass(kw_only=True)
class Seen:
    """What the node's own chunks say of their ending."""

    finish_reason: str | None = None
    usage: Usage | None = None
    refused: bool = False

    def look(self, chunk: Any) -> None:
        usage = _usage(_get(chunk, "usage"))
        if usage is not None:
            self.usage = usage
        for choice in (_get(chunk, "choices") or ())[:1]:
            self.finish_reason = _get(choice, "finish_reason") or self.finish_reason
            if _get(_get(choice, "delta"), "refusal"):
                self.refused = True


@dataclass(kw_only=True)
class _PartialCall:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list[str])


class ReplyAssembler:
    """Collects deltas."""

    def __init__(self, *, max_tokens: int) -> None:
        self.finish_reason: str | None = None
        self.model = ""
        self._room = ROOM + CHARACTERS_PER_TOKEN * max_tokens
        self._content: list[str] = []
        self._calls: dict[int, _PartialCall] = {}

    def add(self, chunk: Any) -> bool:
        """Takes one chunk; true when it carried something the model said.

        Raises:
            ModelOutputInvalid: more came than `max_tokens` could be.
        """
        self.model = _get(chunk, "model") or self.model
        choices = _get(chunk, "choices")
        if not choices:
            return False
        choice = choices[0]
        self.finish_reason = _get(choice, "finish_reason") or self.finish_reason
        delta = _get(choice, "delta")
        content = _get(delta, "content")
        if content:
            self._take(content)
            self._content.append(content)
        fragments = _get(delta, "tool_calls") or ()
        for position, fragment in enumerate(fragments):
            self._add_call(position, fragment)
        return bool(content or fragments or _get(delta, "reasoning_content") or _get(delta, "reasoning"))

    def reply(self, seen: Seen) -> ModelReply:
        """The whole reply, as the node itself ended it.

        Raises:
            ModelUnavailable: the stream stopped before the node finished.
        """
        if seen.finish_reason is None:
            raise ModelUnavailable("the node's reply broke off before its end")
        calls = tuple(
            ToolCall(id=call.id or f"call_{number}", name=call.name, arguments="".join(call.arguments))
            for number, (_, call) in enumerate(sorted(self._calls.items()), start=1)
        )
        reason = _FINISH.get(seen.finish_reason, "stop")
        if seen.refused:
            reason = "refusal"
        elif calls and reason == "stop":
            reason = "tool_calls"
        return ModelReply(
            content=without_thinking("".join(self._content)),
            tool_calls=calls,
            finish_reason=reason,
            usage=seen.usage or UNKNOWN_USAGE,
            model=self.model,
        )

    def _add_call(self, position: int, fragment: Any) -> None:
        index = _get(fragment, "index")
        call = self._calls.setdefault(position if index is None else index, _PartialCall())
        function = _get(fragment, "function")
        call.id = call.id or _get(fragment, "id") or ""
        call.name = call.name or _get(function, "name") or ""
        arguments = _get(function, "arguments")
        if arguments:
            self._take(arguments)
            call.arguments.append(arguments)

    def _take(self, text: str) -> None:
        self._room -= len(text)
        if self._room < 0:
            raise ModelOutputInvalid("the reply is longer than any answer within max_tokens")


def without_thinking(text: str) -> str:
    """The text after a leading `<think>…</think>`, which reasoning models put before their answer."""
    start = text.lstrip()
    if not start.startswith(_THINK_OPEN):
        return text
    _, closed, rest = start.partition(_THINK_CLOSE)
    return rest.lstrip() if closed else text


def _usage(reported: Any) -> Usage | None:
    prompt = _get(reported, "prompt_tokens")
    completion = _get(reported, "completion_tokens")
    if not isinstance(prompt, int) or not isinstance(completion, int):
        return None
    cached = _get(_get(reported, "prompt_tokens_details"), "cached_tokens")
    return Usage(
        prompt_tokens=max(0, prompt),
        completion_tokens=max(0, completion),
        cached_tokens=max(0, cached) if isinstance(cached, int) else 0,
    )


def _get(holder: Any, name: str) -> Any:
    """An attribute or a key: chunks are objects from some providers and dictionaries from others."""
    if isinstance(holder, dict):
        return cast("dict[str, Any]", holder).get(name)
    return getattr(holder, name, None)
