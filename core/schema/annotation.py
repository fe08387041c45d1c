"""`x-treehold`: the keyword by which a schema says how a string crosses the gate (law 1)."""

from __future__ import annotations

from typing import Any, Literal, cast

from pydantic import JsonValue

from core.schema.keywords import Schema, rebuilt

KEYWORD = "x-treehold"

Crossing = Literal["id", "file", "quote", "excerpt", "shown"]

CROSSINGS: frozenset[Crossing] = frozenset({"id", "file", "quote", "excerpt", "shown"})


def crossing(schema: Schema) -> Crossing | None:
    """What the schema declares; None where it declares nothing that is known."""
    declared = schema.get(KEYWORD)
    return next((known for known in CROSSINGS if known == declared), None)


def for_node(schema: Schema) -> dict[str, Any]:
    """The schema without the keyword: guided decoding refuses keywords it does not know."""
    return cast(dict[str, Any], _without(cast(JsonValue, schema)))


def _without(schema: JsonValue) -> JsonValue:
    if not isinstance(schema, dict):
        return schema
    return {key: value for key, value in rebuilt(schema, _without).items() if key != KEYWORD}
