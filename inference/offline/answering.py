"""Answering by rule: the nearest quotes, in order, and nothing of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import JsonValue

from inference.offline import filling
from inference.offline.wording import nearness, words

MOST_QUOTES = 8
MOST_RETURNED = 6


def _findings(blocks: Mapping[str, JsonValue]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    gathered = cast(dict[str, Any], blocks.get("findings") or {})
    return gathered.get("findings", []), gathered.get("figures", [])


def _ranked(blocks: Mapping[str, JsonValue], most: int) -> list[dict[str, Any]]:
    """The findings nearest to the goal; one file does not crowd the others out."""
    asked = words(str(blocks.get("goal", "")))
    found, _ = _findings(blocks)
    scored = sorted(
        found,
        key=lambda finding: -(nearness(asked, finding["quote"]) + float(finding.get("relevance", 0.5))),
    )
    first = {finding["file"]: finding for finding in reversed(scored)}
    leading = [finding for finding in scored if first[finding["file"]] is finding]
    rest = [finding for finding in scored if first[finding["file"]] is not finding]
    return [*leading, *rest][:most]


def answer(blocks: Mapping[str, JsonValue], schema: Mapping[str, Any]) -> JsonValue:
    """Paragraphs of quotes and figures; where the user asked for a schema, it is filled by rule."""
    ranked = _ranked(blocks, MOST_QUOTES)
    _, figures = _findings(blocks)
    paragraphs = [
        _paragraph(f"{finding['file']}: {_one_line(finding['quote'])}", finding["id"]) for finding in ranked
    ]
    paragraphs += [
        _paragraph(f"{figure.get('file') or 'computed'}: {figure['name']} = {figure['value']:g}")
        for figure in figures[:MOST_QUOTES]
    ]
    complete = bool(paragraphs)
    if not paragraphs:
        paragraphs = [_paragraph("No passage of the given files is near the question.")]
    reply: dict[str, JsonValue] = {"paragraphs": paragraphs, "complete": complete}
    wanted = schema["properties"].get("output")
    if wanted is not None:
        reply["output"] = filling.fill(wanted, ranked, figures)
    return reply


def _paragraph(text: str, *cites: str) -> JsonValue:
    return {"text": text, "cites": list(cites)}


def select(blocks: Mapping[str, JsonValue]) -> JsonValue:
    ranked = _ranked(blocks, MOST_RETURNED)
    cites: list[JsonValue] = [finding["id"] for finding in ranked]
    _, figures = _findings(blocks)
    return {"status": "found" if cites or figures else "not_found", "cites": cites}


def _one_line(quote: str) -> str:
    return " ".join(quote.split())
