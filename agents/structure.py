"""Schemas as a node is asked for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from pydantic import JsonValue


def or_null(schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The schema of an object, which null fits too."""
    return {**schema, "type": ["object", "null"]}


def empty_fields(schema: Mapping[str, Any], value: JsonValue) -> list[str]:
    """Paths of the declared fields that are null, empty or not there; those of array items count once."""
    return list(dict.fromkeys(_empty(schema, value, "")))


def _empty(schema: Mapping[str, Any], value: JsonValue, path: str) -> Iterator[str]:
    properties: Mapping[str, Any] = schema.get("properties", {})
    items: Any = schema.get("items")
    if path and value in (None, "", []):
        yield path
    elif isinstance(value, dict):
        for name, part in properties.items():
            yield from _empty(part, value.get(name), f"{path}.{name}" if path else name)
    elif isinstance(value, list) and isinstance(items, Mapping):
        for item in value:
            yield from _empty(cast(Mapping[str, Any], items), item, f"{path}[]")
