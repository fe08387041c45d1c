"""Replying by rule: how far the steps are, and the nearest quotes so far."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, cast

from pydantic import JsonValue

from inference.offline.wording import nearness, words

MOST_QUOTES = 3
MOST_CHARACTERS = 2000


def reply(blocks: Mapping[str, JsonValue]) -> JsonValue:
    """What the plan and the findings give to the question that was asked."""
    steps = cast(list[dict[str, Any]], blocks.get("plan") or [])
    gathered = cast(dict[str, Any], blocks.get("findings") or {})
    asked = str(blocks.get("asked") or "")
    about = [step for step in steps if step["asked_about"]]
    said = [f"{step['title']}: {step['status']}." for step in about] or [_standing(steps)]
    near = sorted(
        cast(list[dict[str, Any]], gathered.get("findings") or []),
        key=lambda finding: -nearness(words(asked), str(finding["quote"])),
    )
    said += [f"{finding['file']}:{finding['line']}: {finding['quote']}" for finding in near[:MOST_QUOTES]]
    if not near:
        said.append("Nothing has been found yet.")
    return {"text": "\n".join(said)[:MOST_CHARACTERS]}


def _standing(steps: list[dict[str, Any]]) -> str:
    counted = Counter(str(step["status"]) for step in steps)
    parts = ", ".join(f"{count} {status}" for status, count in counted.items())
    return f"Of {len(steps)} steps: {parts}." if steps else "There is no plan yet."
