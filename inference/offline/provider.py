"""The offline model as a provider: reads the same prompts a language model gets, and answers by rule.

It is deterministic and extractive: it plans a subtask for each input, looks for the passages nearest to the
question, and answers with quotes. It understands nothing, and says so wherever it appears.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import JsonValue

from core.blocks import read_blocks
from core.errors import ModelRejected
from inference.estimate import text_tokens
from inference.model import (
    Message,
    ModelDescription,
    ModelHealth,
    ModelReply,
    ModelRequest,
    ToolCall,
    Usage,
)
from inference.offline import answering, planning, replying, validating, working
from inference.ports import Progress

NAME = "offline"
WHAT_IT_IS = "rules that quote the given files; not a language model"


class OfflineProvider:
    async def complete(self, request: ModelRequest, *, on_progress: Progress) -> ModelReply:
        """Raises `ModelRejected` for a kind of call it has no rule for."""
        await on_progress(0.0)
        content, calls = self._answer(request)
        spoken = content + "".join(call.arguments for call in calls)
        return ModelReply(
            content=content,
            tool_calls=calls,
            finish_reason="tool_calls" if calls else "stop",
            usage=Usage(
                prompt_tokens=sum(text_tokens(message.content) for message in request.messages),
                completion_tokens=text_tokens(spoken),
            ),
            model=NAME,
            first_token_seconds=0.0,
        )

    def _answer(self, request: ModelRequest) -> tuple[str, tuple[ToolCall, ...]]:
        blocks = _blocks(request.messages)
        schema: Mapping[str, Any] = request.output_schema or {}
        match request.kind:
            case "plan":
                return _json(planning.plan(blocks, schema)), ()
            case "act" | "return":
                return working.work(blocks, request)
            case "answer":
                return _json(answering.answer(blocks, schema)), ()
            case "select":
                return _json(answering.select(blocks)), ()
            case "reply":
                return _json(replying.reply(blocks)), ()
            case "validate":
                return _json(validating.validate(blocks)), ()
            case _:
                raise ModelRejected(f"the offline model has no rule for {request.kind!r} calls")

    def price(self, usage: Usage) -> int | None:
        return 0

    def describe(self) -> ModelDescription:
        return ModelDescription(name=NAME, provider=WHAT_IT_IS, offline=True)

    async def check(self) -> ModelHealth:
        return ModelHealth(reachable=True, detail=WHAT_IT_IS, models=(NAME,), seconds=0.0)

    async def aclose(self) -> None:
        """Holds nothing."""


def _blocks(messages: tuple[Message, ...]) -> Mapping[str, JsonValue]:
    """The data blocks of what the platform wrote; tool results and replies are not read for blocks."""
    merged: dict[str, JsonValue] = {}
    for message in messages:
        if message.role == "user":
            merged.update(read_blocks(message.content))
    return merged


def _json(value: JsonValue) -> str:
    return orjson.dumps(value).decode()
