"""The gate: what may cross from a child to its parent (law 1). Deterministic; no model is asked.

A return is one strict JSON object that matches the schema the parent declared before the child was born.
Numbers, booleans, enums, ids and proven quotes cross as values. Every other string becomes an artifact, and
the parent gets its handle. The schema keyword `x-treehold` says what a string is:

- `id`     letters, digits and `_ . : / -`, at most 64 characters
- `file`   a file the child was allowed to read
- `quote`  an exact substring of the sibling `file`; the sibling `line` is set to where it really starts
- `shown`  text the parent asked to see: bounded, delimited and marked tainted in its prompt
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from pydantic import JsonValue

from core.errors import GateRefused, InvalidInput

KEYWORD = "x-treehold"
MAX_CHARACTERS = 64_000
MAX_DEPTH = 8
MAX_SHOWN = 2_000
MAX_SCHEMA_PARTS = 5_000
_LITERAL = frozenset({"enum", "const", "default", "examples", "required"})
"""Keywords whose values are data, not schemas."""

_ID = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FORMATS = {"date": _DATE, "date-time": _DATE, "uuid": _UUID}

Schema = Mapping[str, Any]
StringKind = Literal["value", "id", "file", "quote", "shown", "handle"]
Prove = Callable[[str, int, str], Awaitable[int | None]]
"""(file, line, quote) -> the nearest line where the quote really starts; None when it is not in the file."""


@dataclass(frozen=True, kw_only=True)
class Passed:
    """What may cross. `texts` maps JSON pointers in `value` to free text, still to be stored as artifacts."""

    value: dict[str, JsonValue]
    texts: dict[str, str] = field(default_factory=dict[str, str])
    quotes: int = 0


def closed(schema: Schema) -> dict[str, Any]:
    """The schema with every object closed: what it does not name, it does not allow.

    Raises:
        InvalidInput: this is not a JSON Schema (2020-12) of an object.
    """
    return json.loads(_closed(json.dumps(schema)))


@lru_cache(maxsize=256)
def _closed(text: str) -> str:
    """From JSON to JSON: checking a schema against its meta-schema takes far longer than reading it."""
    schema: Any = json.loads(text)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = "/".join(map(str, error.absolute_path)) or "the top"
        raise InvalidInput(f"this is not a JSON Schema: {error.message} (at {where})") from error
    if schema.get("type") != "object":
        raise InvalidInput('a schema must describe an object: {"type": "object", "properties": {…}}')
    return json.dumps(_close(_Inliner(schema).inlined(schema, ())))


class _Inliner:
    """Puts local definitions where they are referred to: a schema must stand on its own inside another."""

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._parts = 0

    def inlined(self, part: Any, within: tuple[str, ...]) -> Any:
        if isinstance(part, list):
            return [self.inlined(item, within) for item in cast(list[Any], part)]
        if not isinstance(part, Mapping):
            return part
        given = cast(Mapping[str, Any], part)
        self._parts += 1
        if self._parts > MAX_SCHEMA_PARTS:
            raise InvalidInput(f"the schema has more than {MAX_SCHEMA_PARTS:,} parts, definitions put in")
        kept = {
            key: value if key in _LITERAL else self.inlined(value, within)
            for key, value in given.items()
            if key not in {"$defs", "definitions", "$ref", "$dynamicRef", "$schema", "$id"}
        }
        reference = given.get("$ref", given.get("$dynamicRef"))
        if reference is None:
            return kept
        target = self._target(reference, within)
        return {**self.inlined(target, (*within, str(reference))), **kept}

    def _target(self, reference: Any, within: tuple[str, ...]) -> Schema:
        if not isinstance(reference, str) or not reference.startswith("#/"):
            raise InvalidInput(f"a schema may only refer to its own definitions, not to {reference!r}")
        if reference in within:
            raise InvalidInput(f"a schema may not contain itself: {reference!r}")
        found: Any = self._root
        for step in reference.removeprefix("#/").split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            found = cast(Mapping[str, Any], found).get(name) if isinstance(found, Mapping) else None
        if not isinstance(found, Mapping):
            raise InvalidInput(f"the schema refers to {reference!r}, which is not in it")
        return cast(Schema, found)


def _close(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_close(item) for item in cast(list[Any], schema)]
    if not isinstance(schema, Mapping):
        return schema
    given = cast(Mapping[str, Any], schema)
    result: dict[str, Any] = {}
    for key, value in given.items():
        if key in _LITERAL:
            result[key] = value
        elif key == "properties":
            result[key] = {name: _close(part) for name, part in value.items()}
        else:
            result[key] = _close(value)
    if given.get("type") == "object" or "properties" in given:
        result["additionalProperties"] = False
    return result


def parse(text: str) -> dict[str, JsonValue]:
    """Decode a whole message as one JSON object; nothing is salvaged from around it.

    Raises:
        GateRefused: not JSON, not an object, too large, too deep, or with repeated keys.
    """
    if len(text) > MAX_CHARACTERS:
        raise GateRefused("too_large")
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise GateRefused("not_json") from error
    if not isinstance(value, dict):
        raise GateRefused("not_an_object")
    if _depth(cast(JsonValue, value)) > MAX_DEPTH:
        raise GateRefused("too_deep")
    return cast(dict[str, JsonValue], value)


async def check(text: str, schema: Schema, *, files: frozenset[str], prove: Prove) -> Passed:
    """Let a return cross, or refuse it.

    Args:
        text: the child's whole message.
        schema: closed, as declared by the parent.
        files: workspace paths the child was allowed to read.
        prove: finds a quote in the workspace.

    Raises:
        GateRefused: with a code from a closed list; never with a part of the refused text.
    """
    value = parse(text)
    try:
        cast(Any, Draft202012Validator(schema)).validate(value)
    except ValidationError as error:
        raise GateRefused("schema_mismatch", _pointer(error.absolute_path)) from error
    walk = _Walk(files=files, prove=prove)
    crossed = await walk.cross(value, schema, "", None)
    return Passed(value=cast(dict[str, JsonValue], crossed), texts=walk.texts, quotes=walk.quotes)


@dataclass
class _Walk:
    files: frozenset[str]
    prove: Prove
    texts: dict[str, str] = field(default_factory=dict[str, str])
    lines: dict[str, int] = field(default_factory=dict[str, int])
    quotes: int = 0

    async def cross(
        self, value: JsonValue, schema: Schema, at: str, parent: dict[str, JsonValue] | None
    ) -> JsonValue:
        match value:
            case dict():
                return await self._object(value, schema, at)
            case list():
                items: Any = schema.get("items")
                part_schema: Schema = cast(Schema, items) if isinstance(items, Mapping) else {}
                return [
                    await self.cross(part, part_schema, f"{at}/{index}", None)
                    for index, part in enumerate(value)
                ]
            case str():
                return await self._string(value, schema, at, parent)
            case float() if not math.isfinite(value):
                raise GateRefused("schema_mismatch", at)
            case int() if abs(value) >= 1 << 63:
                raise GateRefused("schema_mismatch", at)
            case _:
                return value

    async def _object(self, value: dict[str, JsonValue], schema: Schema, at: str) -> JsonValue:
        properties: Mapping[str, Schema] = schema.get("properties", {})
        if not value.keys() <= properties.keys():
            raise GateRefused("schema_mismatch", at)
        crossed = {
            key: await self.cross(part, properties[key], f"{at}/{key}", value) for key, part in value.items()
        }
        if (line := self.lines.pop(at, None)) is not None:
            crossed["line"] = line
        return crossed

    async def _string(
        self, value: str, schema: Schema, at: str, parent: dict[str, JsonValue] | None
    ) -> JsonValue:
        match string_kind(schema):
            case "value":
                return value
            case "id":
                return self._matching(_FORMATS.get(str(schema.get("format")), _ID), value, at)
            case "file":
                if value not in self.files:
                    raise GateRefused("schema_mismatch", at)
                return value
            case "quote":
                return await self._quote(value, at, parent or {})
            case "shown":
                if len(value) > MAX_SHOWN or _has_controls(value):
                    raise GateRefused("forbidden_characters", at)
                return value
            case "handle":
                self.texts[at] = value
                return None

    async def _quote(self, quote: str, at: str, siblings: dict[str, JsonValue]) -> str:
        file, line = siblings.get("file"), siblings.get("line")
        if not isinstance(file, str) or not isinstance(line, int) or file not in self.files:
            raise GateRefused("quote_not_found", at)
        if not quote.strip() or (found := await self.prove(file, line, quote)) is None:
            raise GateRefused("quote_not_found", at)
        self.lines[at.rpartition("/")[0]] = found
        self.quotes += 1
        return quote

    @staticmethod
    def _matching(pattern: re.Pattern[str], value: str, at: str) -> str:
        if pattern.fullmatch(value) is None:
            raise GateRefused("forbidden_characters", at)
        return value


def string_kind(schema: Schema) -> StringKind:
    """How a string under this schema crosses; what is not recognised is free text."""
    if isinstance(schema.get("enum"), list) or "const" in schema:
        return "value"
    declared = schema.get(KEYWORD)
    if declared in {"id", "file", "quote", "shown"}:
        return declared
    return "id" if schema.get("format") in _FORMATS else "handle"


def strings(value: JsonValue) -> Iterator[str]:
    """Every string in a JSON value, keys left out."""
    match value:
        case str():
            yield value
        case list():
            for part in value:
                yield from strings(part)
        case dict():
            for part in value.values():
                yield from strings(part)
        case _:
            return


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("repeated key")
    return result


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _depth(value: JsonValue) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        if deepest > MAX_DEPTH:
            break
        level = [
            part
            for parent in level
            for part in (
                parent.values() if isinstance(parent, dict) else parent if isinstance(parent, list) else ()
            )
        ]
    return deepest


def _has_controls(text: str) -> bool:
    return any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co"} and c not in "\n\t" for c in text)


def _pointer(path: Any) -> str:
    return "/".join(["", *map(str, path)])
