"""The keywords of JSON Schema (2020-12) that say something of a value, and what stands behind each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, cast

from pydantic import JsonValue

Shape = Literal[
    "schema",
    "schemas",
    "named schemas",
    "count",
    "number",
    "positive number",
    "boolean",
    "string",
    "names",
    "named names",
    "types",
    "pattern",
    "values",
    "anything",
]

SHAPES: Mapping[str, Shape] = {
    "type": "types",
    "enum": "values",
    "const": "anything",
    "multipleOf": "positive number",
    "maximum": "number",
    "exclusiveMaximum": "number",
    "minimum": "number",
    "exclusiveMinimum": "number",
    "maxLength": "count",
    "minLength": "count",
    "pattern": "pattern",
    "maxItems": "count",
    "minItems": "count",
    "uniqueItems": "boolean",
    "maxContains": "count",
    "minContains": "count",
    "maxProperties": "count",
    "minProperties": "count",
    "required": "names",
    "dependentRequired": "named names",
    "allOf": "schemas",
    "anyOf": "schemas",
    "oneOf": "schemas",
    "not": "schema",
    "if": "schema",
    "then": "schema",
    "else": "schema",
    "dependentSchemas": "named schemas",
    "prefixItems": "schemas",
    "items": "schema",
    "contains": "schema",
    "properties": "named schemas",
    "patternProperties": "named schemas",
    "additionalProperties": "schema",
    "propertyNames": "schema",
    "unevaluatedItems": "schema",
    "unevaluatedProperties": "schema",
    "$defs": "named schemas",
    "definitions": "named schemas",
    "$ref": "string",
    "format": "string",
}
"""What is not here is an annotation, or unknown, and says nothing of a value."""

TYPES = frozenset({"null", "boolean", "object", "array", "number", "integer", "string"})

ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$comment"}
)

Schema = Mapping[str, Any]
Place = tuple[str | int, ...]


def parts(schema: Schema) -> Iterator[tuple[Place, JsonValue]]:
    """The schemas directly within one, and where they stand in it."""
    for keyword, value in schema.items():
        match SHAPES.get(keyword):
            case "schema":
                yield (keyword,), value
            case "schemas":
                for index, part in enumerate(value):
                    yield (keyword, index), part
            case "named schemas":
                for name, part in value.items():
                    yield (keyword, name), part
            case _:
                pass


def rebuilt(schema: Schema, change: Callable[[JsonValue], JsonValue]) -> dict[str, Any]:
    """The schema with each schema directly within it changed; data, such as an enum's values, stays."""
    result = dict(schema)
    for keyword, value in schema.items():
        match SHAPES.get(keyword):
            case "schema":
                result[keyword] = change(value)
            case "schemas":
                result[keyword] = [change(part) for part in value]
            case "named schemas":
                named = cast(Mapping[str, JsonValue], value)
                result[keyword] = {name: change(part) for name, part in named.items()}
            case _:
                pass
    return result


def pointer(place: Place) -> str:
    """A JSON pointer (RFC 6901), or the top by name."""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in place)
    return "".join(f"/{step}" for step in steps) or "the top"
