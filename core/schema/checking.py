"""Whether a schema is one: every keyword as JSON Schema (2020-12) wants it, and every pattern supported."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, cast

from core.errors import InvalidInput
from core.regex import Matcher, PatternInvalid
from core.schema.keywords import SHAPES, TYPES, Place, Shape, parts, pointer

MAX_PATTERNS = 50

_WANTED: Mapping[Shape, str] = {
    "schema": "a schema: an object, true or false",
    "schemas": "a list of schemas that is not empty",
    "named schemas": "an object of schemas",
    "count": "a whole number, 0 or more",
    "number": "a number",
    "positive number": "a number above 0",
    "boolean": "true or false",
    "string": "a text",
    "names": "a list of different texts",
    "named names": "an object of lists of different texts",
    "types": f"one or several of {', '.join(sorted(TYPES))}",
    "pattern": "a text",
    "values": "a list of values",
    "anything": "anything",
}


def check(schema: object) -> None:
    """Passes a JSON Schema (2020-12) whose patterns are supported.

    Raises:
        InvalidInput: with the place in the schema and what to do.
    """
    _Check().schema(schema, ())


class _Check:
    def __init__(self) -> None:
        self._patterns: set[str] = set()

    def schema(self, schema: object, place: Place) -> None:
        if isinstance(schema, bool):
            return
        if not isinstance(schema, Mapping):
            raise _refused(place, f"must be {_WANTED['schema']}")
        given = cast(Mapping[str, object], schema)
        for keyword, value in given.items():
            shape = SHAPES.get(keyword)
            if shape is not None and not _IS[shape](value):
                raise _refused((*place, keyword), f"must be {_WANTED[shape]}")
        self._own_patterns(given, place)
        for step, part in parts(given):
            self.schema(part, (*place, *step))

    def _own_patterns(self, schema: Mapping[str, Any], place: Place) -> None:
        if "pattern" in schema:
            self._pattern(schema["pattern"], (*place, "pattern"))
        for pattern in schema.get("patternProperties", ()):
            self._pattern(pattern, (*place, "patternProperties", pattern))

    def _pattern(self, pattern: str, place: Place) -> None:
        try:
            Matcher(pattern)
        except PatternInvalid as error:
            raise _refused(
                place,
                f"is a pattern that is not supported: {error}; rewrite it without look-around and "
                "back-references, or leave it out",
            ) from error
        self._patterns.add(pattern)
        if len(self._patterns) > MAX_PATTERNS:
            raise _refused(place, f"is one pattern too many: {MAX_PATTERNS} different ones are the most")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_names(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    names = cast(list[object], value)
    return all(isinstance(name, str) for name in names) and len(set(names)) == len(names)


def _is_types(value: Any) -> bool:
    named = cast(list[Any], value) if isinstance(value, list) else [value]
    return _is_names(named) and bool(named) and TYPES.issuperset(named)


_IS: Mapping[Shape, Callable[[Any], bool]] = {
    "schema": lambda value: isinstance(value, Mapping | bool),
    "schemas": lambda value: isinstance(value, list) and bool(cast(list[object], value)),
    "named schemas": lambda value: isinstance(value, Mapping),
    "count": lambda value: _is_number(value) and 0 <= value == int(value),
    "number": _is_number,
    "positive number": lambda value: _is_number(value) and value > 0,
    "boolean": lambda value: isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "names": _is_names,
    "named names": lambda value: isinstance(value, Mapping) and all(map(_is_names, value.values())),  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType] - arbitrary JSON
    "types": _is_types,
    "pattern": lambda value: isinstance(value, str),
    "values": lambda value: isinstance(value, list),
    "anything": lambda value: True,
}


def _refused(place: Place, message: str) -> InvalidInput:
    return InvalidInput(f"this is not a JSON Schema that can be used: {pointer(place)} {message}")
