"""Schemas as a node is asked for them: without the keywords that only the gate reads."""

from __future__ import annotations

from typing import Any, cast

from pydantic import JsonValue

GATE_KEYWORD = "x-treehold"
_VALUES = frozenset({"const", "default", "enum", "examples"})
"""Keywords that hold values, in which nothing is a reference."""
_NAMED = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})
"""Keywords that hold schemas by name, whatever the names are."""


def for_node(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """Guided decoding refuses keywords it does not know."""
    return cast(dict[str, JsonValue], _without(schema))


def grafted(schema: dict[str, JsonValue], at: str) -> tuple[dict[str, JsonValue], dict[str, JsonValue]]:
    """A schema as a part of a larger one: references say where they point now.

    Args:
        schema: a whole document.
        at: a reference to where it will stand, such as `#/properties/output`.

    Returns:
        The schema to put there, and its `$defs`, which belong at the top of the larger one.
    """
    moved = cast(dict[str, JsonValue], _moved(schema, at))
    return moved, cast(dict[str, JsonValue], moved.pop("$defs", {}))


def _moved(part: Any, at: str) -> Any:
    if isinstance(part, list):
        return [_moved(item, at) for item in cast(list[Any], part)]
    if not isinstance(part, dict):
        return part
    moved: dict[str, Any] = {}
    for key, value in cast(dict[str, Any], part).items():
        if key in _VALUES:
            moved[key] = value
        elif key == "$ref":
            moved[key] = _reference(str(value), at)
        elif key in _NAMED:
            moved[key] = {name: _moved(schema, at) for name, schema in value.items()}
        else:
            moved[key] = _moved(value, at)
    return moved


def _reference(target: str, at: str) -> str:
    local = target.startswith("#") and not target.startswith("#/$defs/")
    return at + target[1:] if local else target


def _without(part: Any) -> Any:
    if isinstance(part, dict):
        given = cast(dict[str, Any], part)
        return {key: _without(value) for key, value in given.items() if key != GATE_KEYWORD}
    if isinstance(part, list):
        return [_without(item) for item in cast(list[Any], part)]
    return part
