"""Filling a user's schema by rule: quotes where text is wanted, figures where numbers are."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import orjson
from pydantic import JsonValue

from inference.offline.wording import nearness, words

MOST_ITEMS = 5
LONGEST_TEXT = 2000

Found = Sequence[Mapping[str, Any]]
Schema = Mapping[str, Any]


def fill(schema: Schema, findings: Found, figures: Found) -> JsonValue:
    """A value that fits the schema as far as rules can see; what is not known is null, empty or zero."""
    return _Filler(findings, figures).value(schema, "")


class _Filler:
    def __init__(self, findings: Found, figures: Found) -> None:
        self._findings = findings
        self._quotes = [" ".join(str(finding["quote"]).split()) for finding in findings]
        self._numbers: Iterator[float] = iter([float(figure["value"]) for figure in figures])

    def value(self, given: Schema, name: str) -> JsonValue:
        schema = _plain(given)
        if "const" in schema or "enum" in schema:
            return self._option(schema.get("enum") or [schema["const"]])
        match _kind(schema):
            case "object":
                return self._object(schema)
            case "array":
                return self._array(schema, name)
            case "string":
                return self._text(schema, name)
            case "integer":
                return round(self._number(schema, step=1))
            case "number":
                return self._number(schema, step=None)
            case "boolean":
                return bool(self._findings)
            case _:
                return None

    def _object(self, schema: Schema) -> JsonValue:
        properties = cast(Mapping[str, Schema], schema.get("properties", {}))
        return {name: self.value(part, name) for name, part in properties.items()}

    def _array(self, schema: Schema, name: str) -> JsonValue:
        """An item for each finding, behind those that have a place of their own."""
        leading = cast(Sequence[Schema], schema.get("prefixItems", []))
        parts = [self.value(part, name) for part in leading]
        least, most = int(schema.get("minItems", 0)), int(schema.get("maxItems", len(parts) + MOST_ITEMS))
        items = schema.get("items")
        if isinstance(items, Mapping):
            each = cast(Schema, items)
            found = [_Filler([finding], []).value(each, name) for finding in self._findings[:MOST_ITEMS]]
            if schema.get("uniqueItems"):
                found = list(_different([*found, *cast(Sequence[JsonValue], each.get("enum", []))]))
            parts += found[:MOST_ITEMS]
            parts += [_Filler([], []).value(each, name) for _ in range(least - len(parts))]
        return parts[:most]

    def _text(self, schema: Schema, name: str) -> str:
        if "pattern" in schema:
            return self._matching(str(schema["pattern"]))
        lowered, least = name.lower(), int(schema.get("minLength", 0))
        if not self._findings:
            text = "unknown"
        elif lowered in {"file", "path", "source", "document"}:
            text = str(self._findings[0]["file"])
        elif "summary" in lowered or "answer" in lowered:
            text = " ".join(self._quotes[:3])
        else:
            text = self._quotes[0]
        if len(text) < least:
            text = " ".join([text, *self._quotes[1:]]).ljust(least, ".")
        return text[: int(schema.get("maxLength", max(least, LONGEST_TEXT)))]

    def _matching(self, pattern: str) -> str:
        """The first quote or word that the pattern takes; where there is none, no rule can make one."""
        candidates = [
            *self._quotes,
            *(word.strip(".,;:()") for text in self._quotes for word in text.split()),
        ]
        return next((text for text in candidates if re.search(pattern, text)), "")

    def _number(self, schema: Schema, *, step: int | None) -> float:
        number = next(self._numbers, None)
        if number is None:
            number = float(len(self._findings))
        multiple = float(schema.get("multipleOf", step or 0))
        low, high = _bounds(schema, multiple or 1.0)
        number = min(max(number, low), high)
        if not multiple:
            return number
        up, down = math.ceil(number / multiple) * multiple, math.floor(number / multiple) * multiple
        return up if up <= high else down

    def _option(self, options: Sequence[JsonValue]) -> JsonValue:
        text = " ".join(self._quotes)
        return max(options, key=lambda option: nearness(words(str(option)), text))


def _plain(schema: Schema) -> dict[str, Any]:
    """The schema without choices and conjunctions: the first choice is taken, all parts are joined."""
    joined = {name: part for name, part in schema.items() if name not in {"anyOf", "oneOf", "allOf"}}
    parts = [cast(Schema, choice[0]) for word in ("anyOf", "oneOf") if (choice := schema.get(word))]
    for part in map(_plain, [*parts, *cast(Sequence[Schema], schema.get("allOf", []))]):
        properties = {**joined.get("properties", {}), **part.get("properties", {})}
        joined = {**part, **joined}
        if properties:
            joined["properties"] = properties
    return joined


def _bounds(schema: Schema, step: float) -> tuple[float, float]:
    low = float(schema.get("minimum", -math.inf))
    high = float(schema.get("maximum", math.inf))
    if "exclusiveMinimum" in schema:
        low = max(low, float(schema["exclusiveMinimum"]) + step)
    if "exclusiveMaximum" in schema:
        high = min(high, float(schema["exclusiveMaximum"]) - step)
    return low, high


def _different(values: Sequence[JsonValue]) -> Iterator[JsonValue]:
    seen: set[bytes] = set()
    for value in values:
        key = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        if key not in seen:
            seen.add(key)
            yield value


def _kind(schema: Schema) -> str:
    declared = schema.get("type")
    if isinstance(declared, list):
        return str(next((kind for kind in cast(list[str], declared) if kind != "null"), "null"))
    if declared is not None:
        return str(declared)
    if "properties" in schema:
        return "object"
    return "array" if "items" in schema or "prefixItems" in schema else "string"
