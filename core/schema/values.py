"""The rules that look at one value alone: its type, bounds, length and pattern."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from fractions import Fraction
from typing import Any

from pydantic import JsonValue

from core.regex import Matcher
from core.schema.run import Rule, Run

_KEPT_PER_PATTERN = 500
_CHARACTERS_PER_STEP = 8
"""A character that is searched costs less than a rule."""


def _type(wanted: JsonValue) -> Rule:
    tests = [_TYPES[str(name)] for name in (wanted if isinstance(wanted, list) else [wanted])]

    def rule(value: JsonValue, run: Run) -> bool:
        return any(test(value) for test in tests) or run.note("type", expected=wanted)

    return rule


def _is_whole(value: JsonValue) -> bool:
    number = _number(value)
    return number is not None and number == int(number)


def _number(value: JsonValue) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


_TYPES: Mapping[str, Callable[[JsonValue], bool]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "number": lambda value: _number(value) is not None,
    "integer": _is_whole,
}


def _enum(options: list[JsonValue]) -> Rule:
    keys = frozenset(key(option) for option in options)

    def rule(value: JsonValue, run: Run) -> bool:
        return key(value, run) in keys or run.note("enum", expected=options)

    return rule


def _const(wanted: JsonValue) -> Rule:
    wanted_key = key(wanted)

    def rule(value: JsonValue, run: Run) -> bool:
        return key(value, run) == wanted_key or run.note("const", expected=wanted)

    return rule


def key(value: JsonValue, run: Run | None = None) -> Hashable:
    """Equal for values that JSON Schema calls equal: 1 and 1.0 are, 1 and true are not."""
    if run is not None:
        run.take()
    match value:
        case bool() | None:
            return ("literal", value)
        case dict():
            return ("object", frozenset((name, key(part, run)) for name, part in value.items()))
        case list():
            return ("array", tuple(key(part, run) for part in value))
        case _:
            return value


def _bound(keyword: str, kept: Callable[[Any, Any], bool]) -> Callable[[Any], Rule]:
    def make(limit: Any) -> Rule:
        def rule(value: JsonValue, run: Run) -> bool:
            number = _number(value)
            return number is None or kept(number, limit) or run.note(keyword, expected=limit)

        return rule

    return make


def _is_multiple(number: float, unit: float) -> bool:
    """As the numbers are written: 0.3 is a multiple of 0.1."""
    return (Fraction(repr(number)) / Fraction(repr(unit))).denominator == 1


def _length(
    keyword: str, kind: type[str | list[Any] | dict[str, Any]], kept: Callable[[int, Any], bool]
) -> Callable[[Any], Rule]:
    def make(limit: Any) -> Rule:
        def rule(value: JsonValue, run: Run) -> bool:
            if not isinstance(value, kind):
                return True
            return kept(len(value), limit) or run.note(keyword, expected=limit)

        return rule

    return make


def _at_least(length: int, limit: Any) -> bool:
    return length >= limit


def _at_most(length: int, limit: Any) -> bool:
    return length <= limit


def _pattern(pattern: str) -> Rule:
    matcher = compiled(pattern)

    def rule(value: JsonValue, run: Run) -> bool:
        return (
            not isinstance(value, str)
            or matches(matcher, value, run)
            or run.note("pattern", expected=pattern)
        )

    return rule


def compiled(pattern: str) -> Matcher:
    """Raises `PatternInvalid`."""
    return Matcher(pattern, most_kept=_KEPT_PER_PATTERN)


def matches(matcher: Matcher, text: str, run: Run) -> bool:
    """Somewhere in the text, at the run's expense."""
    run.take(1 + len(text) // _CHARACTERS_PER_STEP)
    return matcher.search(text, spend=run.take) is not None


def _unique(wanted: bool) -> Rule:
    def rule(value: JsonValue, run: Run) -> bool:
        if not wanted or not isinstance(value, list):
            return True
        return len({key(part, run) for part in value}) == len(value) or run.note("uniqueItems", expected=True)

    return rule


def _required(names: list[str]) -> Rule:
    def rule(value: JsonValue, run: Run) -> bool:
        if not isinstance(value, dict):
            return True
        run.take(len(names))
        missing: list[JsonValue] = [name for name in names if name not in value]
        return not missing or run.note("required", expected=missing)

    return rule


def _dependent_required(names: Mapping[str, list[str]]) -> Rule:
    def rule(value: JsonValue, run: Run) -> bool:
        if not isinstance(value, dict):
            return True
        run.take(sum(map(len, names.values())))
        due = [other for name, others in names.items() if name in value for other in others]
        missing: list[JsonValue] = [name for name in due if name not in value]
        return not missing or run.note("dependentRequired", expected=missing)

    return rule


RULES: Mapping[str, Callable[[Any], Rule]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "multipleOf": _bound("multipleOf", _is_multiple),
    "maximum": _bound("maximum", lambda number, limit: number <= limit),
    "exclusiveMaximum": _bound("exclusiveMaximum", lambda number, limit: number < limit),
    "minimum": _bound("minimum", lambda number, limit: number >= limit),
    "exclusiveMinimum": _bound("exclusiveMinimum", lambda number, limit: number > limit),
    "maxLength": _length("maxLength", str, _at_most),
    "minLength": _length("minLength", str, _at_least),
    "pattern": _pattern,
    "maxItems": _length("maxItems", list, _at_most),
    "minItems": _length("minItems", list, _at_least),
    "uniqueItems": _unique,
    "maxProperties": _length("maxProperties", dict, _at_most),
    "minProperties": _length("minProperties", dict, _at_least),
    "required": _required,
    "dependentRequired": _dependent_required,
}
