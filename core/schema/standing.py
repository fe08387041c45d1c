"""A schema that stands on its own: local definitions are put in where they are referred to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from pydantic import JsonValue

from core.errors import InvalidInput
from core.schema.annotation import KEYWORD
from core.schema.keywords import ANNOTATIONS, Schema, rebuilt

MAX_PARTS = 5_000

_BESIDE = ANNOTATIONS | {KEYWORD}
"""What may stand beside a reference without limiting it further."""

_SPENT = frozenset({"$defs", "definitions", "$ref", "$schema", "$id"})
_UNSUPPORTED = ("$dynamicRef", "$recursiveRef")


def standing(schema: Schema) -> dict[str, Any]:
    """Without references, so that the schema, or a part of it, means the same inside another.

    Raises:
        InvalidInput: it refers to something outside, to nothing, or to itself, or becomes too large.
    """
    try:
        return cast(dict[str, Any], _Inliner(schema).inlined(cast(JsonValue, schema), ()))
    except RecursionError as error:
        raise InvalidInput("the schema is nested too deep, definitions put in: flatten it") from error


class _Inliner:
    def __init__(self, root: Schema) -> None:
        self._root = root
        self._parts = 0

    def inlined(self, part: JsonValue, within: tuple[str, ...]) -> JsonValue:
        if not isinstance(part, dict):
            return part
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise InvalidInput(
                f"the schema has more than {MAX_PARTS:,} parts, definitions put in: shorten it"
            )
        for keyword in _UNSUPPORTED:
            if keyword in part:
                raise InvalidInput(f"{keyword} is not supported in a schema: use $ref")
        own = {key: value for key, value in part.items() if key not in _SPENT}
        kept = rebuilt(own, lambda inner: self.inlined(inner, within))
        if "$ref" not in part:
            return kept
        reference = str(part["$ref"])
        target = self.inlined(self._target(reference, within), (*within, reference))
        if isinstance(target, dict) and kept.keys() <= _BESIDE:
            return {**target, **kept}
        return {**kept, "allOf": [target, *kept.get("allOf", [])]}

    def _target(self, reference: str, within: tuple[str, ...]) -> JsonValue:
        if not reference.startswith("#/"):
            raise InvalidInput(
                f"a schema may only refer to its own definitions, as in #/$defs/name, not to {reference!r}"
            )
        if reference in within:
            raise InvalidInput(f"a schema may not contain itself: {reference!r}")
        found: Any = self._root
        for step in reference.removeprefix("#/").split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            found = cast(Mapping[str, Any], found).get(name) if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping | bool):
            raise InvalidInput(f"the schema refers to {reference!r}, which is not in it")
        return cast(JsonValue, found)
