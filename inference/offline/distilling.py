"""Learning by rule: first uses of tools are what mattered, and advice comes of two fixed patterns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from pydantic import JsonValue

from inference.offline.wording import nearness, words

MOST_KEY_STEPS = 8
MOST_TOOLS = 3
MOST_CHARACTERS = 300


def condense(blocks: Mapping[str, JsonValue]) -> JsonValue:
    """The first call of each tool, or the steps where none was called; the first failed step says why."""
    moments = cast(list[dict[str, Any]], blocks.get("moments") or [])
    first: dict[str, str] = {}
    for moment in moments:
        if moment["kind"] == "call":
            first.setdefault(str(moment["text"]).partition(" ")[0], str(moment["ref"]))
    key_steps = list(first.values()) or [str(moment["ref"]) for moment in moments]
    failed = [str(one["text"]) for one in moments if str(one["text"]).endswith("(failed)")]
    reason = f"A step failed: {failed[0].removesuffix(' (failed)')}" if failed else ""
    if blocks.get("outcome") != "failed":
        reason = ""
    return {"key_steps": list[JsonValue](key_steps[:MOST_KEY_STEPS]), "fail_reason": reason[:MOST_CHARACTERS]}


def refine(blocks: Mapping[str, JsonValue]) -> JsonValue:
    """Advice on tools that only tasks that ended well used, and agreement with advice that says the same."""
    episodes = cast(list[dict[str, Any]], blocks.get("episodes") or [])
    insights = cast(list[dict[str, Any]], blocks.get("insights") or [])
    operations: list[JsonValue] = []
    for text, bearing in _advice(episodes):
        known = next((one for one in insights if one["text"] == text), None)
        refs: list[JsonValue] = [str(one["ref"]) for one in bearing]
        if known is None:
            operations.append({"op": "add", "text": text, "episodes": refs})
        else:
            operations.append({"op": "agree", "insight": str(known["ref"]), "episodes": refs})
    return {"operations": operations}


def rerank(blocks: Mapping[str, JsonValue]) -> JsonValue:
    """The share of the goal's words that a record has."""
    wanted = words(str(blocks.get("goal") or ""))
    records = cast(list[dict[str, Any]], blocks.get("records") or [])
    return {
        "scores": [
            {"ref": str(record["ref"]), "score": min(10, round(10 * nearness(wanted, _text(record))))}
            for record in records
        ]
    }


def _text(record: Mapping[str, Any]) -> str:
    return " ".join([str(record["title"]), *map(str, record["lines"])])


def _advice(episodes: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, list[Mapping[str, Any]]]]:
    """Needs both ends to compare: at least two that ended well, and one that failed."""
    well = [one for one in episodes if one["outcome"] == "done"]
    badly = [one for one in episodes if one["outcome"] == "failed"]
    if len(well) < 2 or not badly:
        return
    shared = _in_all(well)
    missed = [tool for tool in shared if not any(tool in one["tools"] for one in badly)]
    if missed:
        named = " and ".join(missed[:MOST_TOOLS])
        yield f"Tasks of this kind ended well with {named}, and failed without.", well
    harmful = [tool for tool in _in_all(badly) if not any(tool in one["tools"] for one in well)]
    if harmful:
        named = " and ".join(harmful[:MOST_TOOLS])
        yield f"Tasks of this kind failed with {named}, and ended well without.", badly


def _in_all(episodes: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(tool) for tool in episodes[0]["tools"] if all(tool in one["tools"] for one in episodes)]
