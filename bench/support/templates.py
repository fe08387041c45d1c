"""What the chat templates and parsers of self-hosted nodes refuse, each of them somewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

Messages = Sequence[Mapping[str, Any]]


def objection(request: Mapping[str, Any], *, context_tokens: int) -> str | None:
    """Why a strict node would answer 400 to a chat request; None where it would not."""
    messages = cast(Messages, request["messages"])
    tokens = len(json.dumps([messages, request.get("tools", [])])) // 4
    room = context_tokens - int(request.get("max_tokens", 0))
    if tokens > room:
        return f"This model's maximum context length is {context_tokens} tokens; the prompt has {tokens}."
    return _roles(messages) or _tool_results(messages) or _arguments(messages)


def _roles(messages: Messages) -> str | None:
    """Mistral's and Gemma's templates raise where roles do not alternate."""
    talk = [message["role"] for message in messages if message["role"] != "tool"]
    if "system" in talk[1:]:
        return "the system message must be the first"
    talk = talk[1:] if talk[:1] == ["system"] else talk
    if talk[:1] != ["user"]:
        return "the conversation must begin with a user message"
    for index, message in enumerate(messages[1:], 1):
        if message["role"] == messages[index - 1]["role"] and message["role"] != "tool":
            return "conversation roles must alternate user/assistant/user/assistant/…"
    return None


def _tool_results(messages: Messages) -> str | None:
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            if not waiting or waiting.pop(0) != message["tool_call_id"]:
                return "a tool result must follow its call"
        elif waiting:
            return "every tool call must have its result"
        waiting += [call["id"] for call in message.get("tool_calls") or ()]
    return "every tool call must have its result" if waiting else None


def _arguments(messages: Messages) -> str | None:
    """vLLM parses the arguments of past calls for the template; OpenAI checks their names."""
    for message in messages:
        for call in message.get("tool_calls") or ():
            if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", call["function"]["name"]) is None:
                return "the name of a past tool call is not a name"
            try:
                parsed = json.loads(call["function"]["arguments"])
            except ValueError as error:
                return f"the arguments of a past tool call are not JSON: {error}"
            if not isinstance(parsed, dict):
                return "the arguments of a past tool call are not an object"
    return None
