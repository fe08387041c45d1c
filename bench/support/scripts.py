"""Scripts for the model: what it answers to each kind of call."""

from __future__ import annotations

import json
from typing import Any

from bench.support.engine import Script
from core.blocks import read_blocks
from inference.model import ModelReply, ModelRequest, ToolCall, Usage

USAGE = Usage(prompt_tokens=40, completion_tokens=10)

ALLOWED = {"decision": "allow", "reason_code": "needed"}
"""A validator that does not mind."""

NOTHING_FOUND: dict[str, Any] = {"status": "not_found", "findings": []}


def says(value: object, *, usage: Usage = USAGE) -> ModelReply:
    content = value if isinstance(value, str) else json.dumps(value)
    return ModelReply(content=content, usage=usage, model="scripted")


def calls(name: str, **arguments: object) -> ModelReply:
    call = ToolCall(id=f"call-{name}", name=name, arguments=json.dumps(arguments))
    return ModelReply(tool_calls=(call,), finish_reason="tool_calls", usage=USAGE, model="scripted")


def plan_of(*titles: str, split: int = 0, after: bool = False, of: str = "") -> ModelReply:
    """One subtask for each title, `of` what is split; the first `split` of them may be split further."""
    subtasks: list[dict[str, Any]] = []
    for number, title in enumerate(titles):
        earlier = [number] if after and number else list[int]()
        subtask = {"title": title, "question": f"look into {title}{of}", "inputs": list[str]()}
        subtasks.append(subtask | {"split": number < split, "after": earlier})
    return says({"subtasks": subtasks})


def answer_of(text: str) -> ModelReply:
    return says({"paragraphs": [{"text": text, "cites": list[str]()}], "complete": True})


def team(
    width: int, *, depth: int = 1, leads: int | None = None, found: dict[str, Any] | None = None
) -> Script:
    """A lead with `width` children on each of `depth` levels; the last level are workers.

    Above it the first `leads` children of each lead are leads themselves; all of them, unless given.
    """

    def script(request: ModelRequest) -> ModelReply:
        match request.kind:
            case "plan":
                left = _levels_left(request)
                split = 0 if left <= 1 else width if leads is None else leads
                of = f", {depth - left} levels down" if left < depth else ""
                return plan_of(*(f"part {n}" for n in range(width)), split=split, of=of)
            case "act" | "return":
                return says(found or NOTHING_FOUND)
            case "select":
                return says({"status": "not_found", "cites": []})
            case "validate":
                return says(ALLOWED)
            case _:
                return answer_of("all parts are in")

    def _levels_left(request: ModelRequest) -> int:
        path = read_blocks(request.messages[1].content).get("path")
        assert isinstance(path, list)
        return depth - len(path)

    return script
