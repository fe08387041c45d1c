"""What a part of a JSON Schema asks for, as far as the rules need to know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import JsonValue

from inference.structure import OutputProblem, compiled

_KINDS = {"integer": "whole number", "number": "number", "boolean": "truth value"}
_FORMATS = {"date": "date", "date-time": "time with its offset", "email": "email address", "uri": "address"}

Schema = Mapping[str, Any]


def joined(schema: Schema | bool) -> dict[str, Any]:
    """The schema with the parts of its `allOf` put into it; one that allows everything says nothing."""
    if isinstance(schema, bool):
        return {}
    merged = {name: part for name, part in schema.items() if name != "allOf"}
    for part in map(joined, cast(Sequence[Schema | bool], schema.get("allOf", ()))):
        properties = {**part.get("properties", {}), **merged.get("properties", {})}
        required = [*merged.get("required", ()), *part.get("required", ())]
        merged = {**part, **merged}
        merged |= {"properties": properties} if properties else {}
        merged |= {"required": required} if required else {}
    return merged


def kind(schema: Schema) -> str:
    declared = schema.get("type")
    if isinstance(declared, list):
        return str(next((kind for kind in cast(list[str], declared) if kind != "null"), "null"))
    if declared is not None:
        return str(declared)
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"


def nullable(schema: Schema) -> bool:
    declared = schema.get("type")
    if declared == "null" or (isinstance(declared, list) and "null" in declared):
        return True
    choices = cast(Sequence[Schema], [*schema.get("anyOf", ()), *schema.get("oneOf", ())])
    return None in schema.get("enum", ()) or any(nullable(joined(choice)) for choice in choices)


def kind_in_words(schema: Schema) -> str:
    if "enum" in schema:
        return "option of the schema"
    if "format" in schema:
        return _FORMATS.get(str(schema["format"]), str(schema["format"]))
    return "text of its pattern" if "pattern" in schema else _KINDS[kind(schema)]


def description(schema: Schema) -> str:
    return f"{schema.get('title', '')} {schema.get('description', '')}"


def problem(schema: Schema, value: JsonValue) -> str | None:
    """Why a value does not fit, or None."""
    try:
        compiled(dict(schema)).check(value)
    except OutputProblem as found:
        return str(found)
    return None
