"""A schema closed: what its objects do not name, they do not allow. What fits it closed fits it open too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pydantic import JsonValue

from core.schema.keywords import Schema, parts, rebuilt

_JOINS = frozenset({"allOf", "anyOf", "oneOf", "if", "then", "else", "dependentSchemas"})
"""Whose schemas describe the same value as the one they stand in."""

_CONDITIONS = frozenset({"if", "not", "contains", "propertyNames"})
"""Whose schemas are asked and not demanded: closing them would change what they ask."""

_OPENINGS = frozenset({"additionalProperties", "unevaluatedProperties"})


def closed(schema: Schema) -> dict[str, Any]:
    """With every object closed.

    Parts of one object, as in `allOf`, stay open towards each other: the schema that joins them is closed
    for all of them, with `unevaluatedProperties`. Plain alternatives in `anyOf` are closed one by one.
    """
    if _only_chooses(schema):
        return _bare(_within(schema, _closed))
    if not _of_objects(schema):
        return _within(schema, _open)
    joins = any(map(_names, _joined(schema)))
    closing = "unevaluatedProperties" if joins else "additionalProperties"
    return _bare(_within(schema, _open)) | {closing: False}


def _closed(schema: JsonValue) -> JsonValue:
    return closed(schema) if isinstance(schema, dict) else schema


def _open(schema: JsonValue) -> JsonValue:
    """A part of a joined object; it may still close itself, but not let in what nobody named."""
    if not isinstance(schema, dict):
        return schema
    own = {keyword: False for keyword in _OPENINGS if schema.get(keyword) is False}
    return _bare(_within(schema, _open)) | own


def _within(schema: Schema, joined: Callable[[JsonValue], JsonValue]) -> dict[str, Any]:
    """The schema as open as it is, with what stands in it closed, and what it joins as told."""
    result = dict(schema)
    for keyword, value in schema.items():
        if keyword not in _CONDITIONS:
            result |= rebuilt({keyword: value}, joined if keyword in _JOINS else _closed)
    return result


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    return {keyword: value for keyword, value in schema.items() if keyword not in _OPENINGS}


def _only_chooses(schema: Schema) -> bool:
    return "anyOf" in schema and not _names_itself(schema) and _JOINS.isdisjoint(schema.keys() - {"anyOf"})


def _of_objects(schema: JsonValue | Schema) -> bool:
    if not isinstance(schema, dict):
        return False
    declared = schema.get("type")
    typed = declared == "object" or (isinstance(declared, list) and "object" in declared)
    return typed or _names_itself(schema) or any(map(_of_objects, _joined(schema)))


def _names(schema: JsonValue) -> bool:
    return isinstance(schema, dict) and (_names_itself(schema) or any(map(_names, _joined(schema))))


def _names_itself(schema: Schema) -> bool:
    return "properties" in schema or "patternProperties" in schema


def _joined(schema: Schema) -> Iterator[JsonValue]:
    return (part for place, part in parts(schema) if place[0] in _JOINS)
