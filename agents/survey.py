"""What the root agent knows of the workspace before it plans: names, kinds, sizes and scores, no content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import orjson

from agents.brief import FileRef, InputFile
from agents.ports import Turn
from core.errors import AgentFailed
from inference.model import ToolCall

MOST_FILES = 40
"""Files the plan may choose from; the nearest to the goal come first."""

TOOL = "survey_files"
"""Only agents that plan have it."""


@dataclass(frozen=True, kw_only=True)
class Survey:
    files: tuple[InputFile, ...] = ()
    notes: tuple[str, ...] = ()
    """What was left out, for the answer."""


async def survey(turn: Turn) -> Survey:
    """Rank the workspace's files by the goal; empty where the grant has no survey."""
    if TOOL not in turn.agent.grant.capabilities.tools:
        return Survey()
    arguments = {"goal": turn.agent.brief.task_goal[:2000], "limit": MOST_FILES}
    call = ToolCall(id="survey", name=TOOL, arguments=orjson.dumps(arguments).decode())
    outcome = await turn.tool(call)
    if not outcome.ok or not isinstance(outcome.data, dict):
        raise AgentFailed(f"the workspace cannot be surveyed: {outcome.content}", code="survey_failed")
    found = cast(dict[str, Any], outcome.data)
    files = tuple(
        InputFile(ref=FileRef(f"f{number}"), **entry) for number, entry in enumerate(found["files"], 1)
    )
    return Survey(files=files, notes=tuple(_notes(found, len(files))))


def _notes(found: dict[str, Any], named: int) -> list[str]:
    notes = [str(remark) for remark in found["remarks"]]
    if found["left_out"]:
        notes.append(f"left out: {found['left_out']}")
    if found["total"] > named:
        notes.append(f"looked at the {named} of {found['total']:,} files nearest to the goal")
    if found["truncated"]:
        notes.append("the folder holds more files than can be listed")
    return notes
