"""Filling a user's schema by rule: quotes where text is wanted, figures where numbers are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from pydantic import JsonValue

from inference.offline.wording import nearness, words

MOST_ITEMS = 5

Found = Sequence[Mapping[str, Any]]


def fill(schema: Mapping[str, Any], findings: Found, figures: Found) -> JsonValue:
    """A value that fits the schema as far as rules can see; what is not known is null, empty or zero."""
    return _Filler(findings, figures).value(schema, "")


class _Filler:
    def __init__(self, findings: Found, figures: Found) -> None:
        self._findings = findings
        self._quotes = [" ".join(str(finding["quote"]).split()) for finding in findings]
        self._numbers: Iterator[float] = iter([float(figure["value"]) for figure in figures])

    def value(self, schema: Mapping[str, Any], name: str) -> JsonValue:
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return self.value(schema[word][0], name)
        if "const" in schema or "enum" in schema:
            return self._option(schema.get("enum") or [schema["const"]])
        return self._typed(schema, name)

    def _typed(self, schema: Mapping[str, Any], name: str) -> JsonValue:
        match _kind(schema):
            case "object":
                return self._object(schema)
            case "array":
                return self._array(schema, name)
            case "string":
                return self._text(schema, name)
            case "integer":
                return round(self._number(schema))
            case "number":
                return self._number(schema)
            case "boolean":
                return bool(self._findings)
            case _:
                return None

    def _object(self, schema: Mapping[str, Any]) -> JsonValue:
        properties = cast(Mapping[str, Mapping[str, Any]], schema.get("properties", {}))
        return {name: self.value(part, name) for name, part in properties.items()}

    def _array(self, schema: Mapping[str, Any], name: str) -> JsonValue:
        items = schema.get("items")
        if not isinstance(items, Mapping):
            return []
        most = min(int(schema.get("maxItems", MOST_ITEMS)), MOST_ITEMS)
        parts = [
            _Filler([finding], []).value(cast(Mapping[str, Any], items), name)
            for finding in self._findings[:most]
        ]
        short = int(schema.get("minItems", 0)) - len(parts)
        filler = _Filler([], [])
        return [*parts, *(filler.value(cast(Mapping[str, Any], items), name) for _ in range(max(0, short)))]

    def _text(self, schema: Mapping[str, Any], name: str) -> str:
        if not self._findings:
            return "unknown"
        best = self._findings[0]
        lowered = name.lower()
        if lowered in {"file", "path", "source", "document"}:
            text = str(best["file"])
        elif "summary" in lowered or "answer" in lowered:
            text = " ".join(self._quotes[:3])
        else:
            text = self._quotes[0]
        return text[: int(schema.get("maxLength", 2000))]

    def _number(self, schema: Mapping[str, Any]) -> float:
        number = next(self._numbers, None)
        if number is None:
            number = float(len(self._findings))
        return min(max(number, float(schema.get("minimum", number))), float(schema.get("maximum", number)))

    def _option(self, options: Sequence[JsonValue]) -> JsonValue:
        text = " ".join(self._quotes)
        return max(options, key=lambda option: nearness(words(str(option)), text))


def _kind(schema: Mapping[str, Any]) -> str:
    declared = schema.get("type")
    if isinstance(declared, list):
        return str(next((kind for kind in cast(list[str], declared) if kind != "null"), "null"))
    return str(declared or ("object" if "properties" in schema else "string"))
