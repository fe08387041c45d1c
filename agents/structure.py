"""Schemas as a node is asked for them: without the keywords that only the gate reads."""

from __future__ import annotations

from typing import Any, cast

from pydantic import JsonValue

GATE_KEYWORD = "x-treehold"


def for_node(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Guided decoding refuses keywords it does not know."""
    return cast(dict[str, JsonValue], _without(schema))


def _without(part: Any) -> Any:
    if isinstance(part, dict):
        given = cast(dict[str, Any], part)
        return {key: _without(value) for key, value in given.items() if key != GATE_KEYWORD}
    if isinstance(part, list):
        return [_without(item) for item in cast(list[Any], part)]
    return part
