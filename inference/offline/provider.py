"""The offline model as a provider: reads the same prompts a language model gets, and answers by rule.

It is deterministic and extractive: it plans a subtask for each input, looks for the passages nearest to the
question, and answers with quotes. It understands nothing, and says so wherever it appears.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from inference.offline import answering, changing, distilling, planning, replying, validating, working
from inference.ports import Progress

NAME = "offline"
WHAT_IT_IS = "rules that quote the given files; not a language model"


_Rule = Callable[[Mapping[str, JsonValue], Mapping[str, Any]], JsonValue]

_RULES: Mapping[str, _Rule] = {
    "plan": planning.plan,
    "answer": answering.answer,
    "select": lambda blocks, _: answering.select(blocks),
    "changes": changing.change,
    "reply": lambda blocks, _: replying.reply(blocks),
    "condense": lambda blocks, _: distilling.condense(blocks),
    "refine": lambda blocks, _: distilling.refine(blocks),
    "rerank": lambda blocks, _: distilling.rerank(blocks),
    "validate": lambda blocks, _: validating.validate(blocks),
}


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
        if request.kind in {"act", "return"}:
            return working.work(blocks, request)
        rule = _RULES.get(request.kind)
        if rule is None:
            raise ModelRejected(f"the offline model has no rule for {request.kind!r} calls")
        return _json(rule(blocks, schema)), ()

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
