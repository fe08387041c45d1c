"""What the root agent knows of the workspace before it plans: names, kinds, sizes and scores, no content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import orjson
from pydantic import JsonValue

from agents.brief import FileRef, InputFile
from agents.ports import Turn
from inference.model import ToolCall

MOST_FILES = 40
"""Files the plan may choose from; the nearest to the goal come first."""
MOST_PASSAGES = 30


@dataclass(frozen=True, kw_only=True)
class Survey:
    files: tuple[InputFile, ...] = ()
    notes: tuple[str, ...] = ()
    """What was left out, for the answer."""


async def survey(turn: Turn) -> Survey:
    """List the workspace and score its files by their nearest passage; empty without a workspace."""
    if "list_files" not in turn.agent.grant.capabilities.tools:
        return Survey()
    listed = await _data(turn, "list_files", {"limit": 1000})
    scores = await _scores(turn)
    entries = cast(list[dict[str, Any]], listed.get("files", []))
    ranked = sorted(entries, key=lambda entry: (-scores.get(entry["path"], 0.0), entry["path"]))[:MOST_FILES]
    files = tuple(
        InputFile(
            ref=FileRef(f"f{number}"),
            path=entry["path"],
            kind=entry["kind"],
            size=entry["size"],
            score=scores.get(entry["path"], 0.0),
        )
        for number, entry in enumerate(ranked, 1)
    )
    return Survey(files=files, notes=tuple(_notes(listed, len(files))))


async def _scores(turn: Turn) -> dict[str, float]:
    if "search_meaning" not in turn.agent.grant.capabilities.tools:
        return {}
    query = turn.agent.brief.task_goal[:2000]
    found = await _data(turn, "search_meaning", {"query": query, "limit": MOST_PASSAGES})
    scores: dict[str, float] = {}
    for passage in cast(list[dict[str, Any]], found.get("passages", [])):
        path, score = str(passage["path"]), min(1.0, max(0.0, float(passage["score"])))
        scores[path] = max(score, scores.get(path, 0.0))
    return scores


async def _data(turn: Turn, name: str, arguments: dict[str, JsonValue]) -> dict[str, Any]:
    """A tool's typed projection; its content stays unread here."""
    call = ToolCall(id=f"survey-{name}", name=name, arguments=orjson.dumps(arguments).decode())
    outcome = await turn.tool(call)
    return cast(dict[str, Any], outcome.data) if outcome.ok and isinstance(outcome.data, dict) else {}


def _notes(listed: dict[str, Any], chosen: int) -> list[str]:
    notes: list[str] = []
    if listed.get("left_out"):
        notes.append(f"left out: {listed['left_out']}")
    total = int(listed.get("total", chosen))
    if total > chosen:
        notes.append(f"looked at the {chosen} of {total} files nearest to the goal")
    if listed.get("truncated"):
        notes.append("the folder holds more files than can be listed")
    return notes
