"""The gate: what may cross from a child to its parent (law 1). Deterministic; no model is asked.

A return is one strict JSON object that matches the schema the parent declared before the child was spawned.
Numbers, booleans, enums, ids and proven quotes cross as values. Every other string becomes an artifact, and
the parent gets its handle. The schema keyword `x-treehold` says what a string is:

- `id`     letters, digits and `_ . : / -`, at most 64 characters
- `file`   a file the child was allowed to read
- `quote`  an exact substring of the sibling `file`; the sibling `line` is set to where it really starts
- `excerpt` a text of one line that stands, whole, in the data of one of the child's tool results; it crosses
  as an artifact, but nothing that the child made up does
- `shown`  text the parent asked to see: bounded, delimited and marked tainted in its prompt
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from pydantic import JsonValue

from core import schema as json_schema
from core.errors import GateCode, GateRefused, InvalidInput
from core.pointer import escaped
from core.schema import Crossing, Schema, TooCostly
from core.strict_json import Fault, NotStrictJson, decode

MAX_CHARACTERS = 64_000
MAX_DEPTH = 8
MAX_SHOWN = 2_000
MAX_EXCERPT = 300
_ID = re.compile(r"[A-Za-z0-9_.:/-]{1,64}")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_FORMATS = {"date": _DATE, "date-time": _DATE, "uuid": _UUID}

_REFUSALS: Mapping[Fault, GateCode] = {"syntax": "not_json", "number": "schema_mismatch", "depth": "too_deep"}

StringKind = Literal["value", "handle"] | Crossing
Prove = Callable[[str, int, str], Awaitable[int | None]]
"""(file, line, quote) -> the nearest line where the quote really starts; None when it is not in the file."""
Held = Callable[[str], Awaitable[bool]]
"""Whether the text is one of those in the data of the child's tool results, whole."""


@dataclass(frozen=True, kw_only=True)
class Passed:
    """What may cross. `texts` maps JSON pointers in `value` to free text, still to be stored as artifacts."""

    value: dict[str, JsonValue]
    texts: dict[str, str] = field(default_factory=dict[str, str])
    quotes: int = 0


def closed(schema: Schema) -> dict[str, Any]:
    """The schema with every object closed: what it does not name, it does not allow.

    Raises:
        InvalidInput: this is not a JSON Schema (2020-12) of an object, or not one of bounded cost.
    """
    whole = json_schema.admitted(schema)
    if not _of_an_object(whole):
        raise InvalidInput('a schema must describe an object: {"type": "object", "properties": {…}}')
    return json_schema.closed(whole) | {"type": "object"}


def _of_an_object(schema: Schema | bool) -> bool:
    if isinstance(schema, bool):
        return False
    return schema.get("type") == "object" or any(map(_of_an_object, schema.get("allOf", ())))


def parse(text: str) -> dict[str, JsonValue]:
    """Decode a whole message as one JSON object; nothing is salvaged from around it.

    Raises:
        GateRefused: not JSON, not an object, too large, too deep, or with repeated keys.
    """
    if len(text) > MAX_CHARACTERS:
        raise GateRefused("too_large")
    try:
        value = decode(text, most_depth=MAX_DEPTH)
    except NotStrictJson as error:
        raise GateRefused(_REFUSALS[error.fault]) from error
    if not isinstance(value, dict):
        raise GateRefused("not_an_object")
    return value


async def _nothing_held(text: str) -> bool:
    return False


async def check(
    text: str, schema: Schema, *, files: frozenset[str], prove: Prove, held: Held = _nothing_held
) -> Passed:
    """Let a return cross, or refuse it.

    Args:
        text: the child's whole message.
        schema: closed, as declared by the parent.
        files: workspace paths the child was allowed to read.
        prove: finds a quote in the workspace.
        held: knows the child's tool results.

    Raises:
        GateRefused: with a code from a closed list; never with a part of the refused text.
    """
    value = parse(text)
    try:
        problems = json_schema.compiled(schema).problems(value)
    except TooCostly as error:
        raise GateRefused("too_large") from error
    if problems:
        raise GateRefused("schema_mismatch", _told(problems[0].place, schema))
    walk = _Walk(files=files, prove=prove, held=held)
    crossed = await walk.cross(value, schema, "", None)
    return Passed(value=cast(dict[str, JsonValue], crossed), texts=walk.texts, quotes=walk.quotes)


@dataclass
class _Walk:
    files: frozenset[str]
    prove: Prove
    held: Held
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
                return [
                    await self.cross(part, _element(schema, index), f"{at}/{index}", None)
                    for index, part in enumerate(value)
                ]
            case str():
                return await self._string(value, schema, at, parent)
            case _:
                return value

    async def _object(self, value: dict[str, JsonValue], schema: Schema, at: str) -> JsonValue:
        properties = _named(schema)
        if not value.keys() <= properties.keys():
            raise GateRefused("schema_mismatch", at)
        crossed = {
            key: await self.cross(part, properties[key], f"{at}/{escaped(key)}", value)
            for key, part in value.items()
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
            case "excerpt":
                self.texts[at] = await self._excerpt(value, at)
                return None
            case "shown":
                return _plain(value, MAX_SHOWN, at)
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

    async def _excerpt(self, text: str, at: str) -> str:
        if "\n" in _plain(text, MAX_EXCERPT, at) or not text.strip() or not await self.held(text):
            raise GateRefused("quote_not_found", at)
        return text

    @staticmethod
    def _matching(pattern: re.Pattern[str], value: str, at: str) -> str:
        if pattern.fullmatch(value) is None:
            raise GateRefused("forbidden_characters", at)
        return value


def string_kind(schema: Schema) -> StringKind:
    """How a string under this schema crosses; what is not recognised is free text."""
    if isinstance(schema.get("enum"), list) or "const" in schema:
        return "value"
    return json_schema.crossing(schema) or ("id" if schema.get("format") in _FORMATS else "handle")


def _named(schema: Schema) -> dict[str, Schema]:
    """The members an object may have, also by the parts that `allOf` joins; what is named twice is joined."""
    found = {name: _open(member) for name, member in schema.get("properties", {}).items()}
    for part in map(_open, schema.get("allOf", ())):
        for name, member in _named(part).items():
            found[name] = {"allOf": [found[name], member]} if name in found else member
    return found


def _element(schema: Schema, index: int) -> Schema:
    first = schema.get("prefixItems", ())
    return _open(first[index] if index < len(first) else schema.get("items"))


def _open(schema: object) -> Schema:
    """A schema that says nothing of its strings is one that lets none of them cross as it is."""
    return cast(Schema, schema) if isinstance(schema, Mapping) else {}


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


def _plain(text: str, most: int, at: str) -> str:
    if len(text) > most or _has_controls(text):
        raise GateRefused("forbidden_characters", at)
    return text


def _has_controls(text: str) -> bool:
    return any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co"} and c not in "\n\t" for c in text)


def _told(place: Sequence[str | int], schema: Schema) -> str:
    """A JSON pointer in the schema's own names: any other name may be text of the child's."""
    steps: list[str] = []
    for step in place:
        if isinstance(step, int):
            steps.append(str(step))
            schema = _element(schema, step)
            continue
        named = _named(schema)
        steps.append(escaped(step) if step in named else "*")
        schema = named.get(step, {})
    return "".join(f"/{step}" for step in steps)
