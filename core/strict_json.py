"""JSON from outside, read strictly: the whole text is one value, and every reader reads the same."""

from __future__ import annotations

import json
import math
from typing import Literal, NoReturn, cast

from pydantic import JsonValue

MAX_DEPTH = 64

Fault = Literal["syntax", "number", "depth"]


class NotStrictJson(ValueError):
    """The message never quotes the text.

    Attributes:
        fault: `syntax` (not JSON, or with a repeated key), `number` (beyond 64 bits) or `depth`.
    """

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault: Fault = fault


def decode(text: str, *, most_depth: int = MAX_DEPTH) -> JsonValue:
    """The value that is the whole text; nothing is salvaged from around it.

    Raises:
        NotStrictJson: it is none, an object names a key twice, a number is no finite one of 64 bits, or it
            is nested deeper than `most_depth`.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_int=_integer,
            parse_float=_finite,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise NotStrictJson("syntax", f"it is not JSON as a whole: {error.msg} at {place}") from error
    except RecursionError as error:
        raise NotStrictJson("depth", "it is nested too deeply") from error
    if depth(value) > most_depth:
        raise NotStrictJson("depth", f"it is nested more than {most_depth} deep")
    return value


def depth(value: object) -> int:
    """How many arrays and objects lie around the innermost value, itself counted; without recursion."""
    deepest, level = 0, [value]
    while level:
        deepest += 1
        level = [part for holder in level for part in _parts(holder)]
    return deepest


def _parts(holder: object) -> list[object]:
    if isinstance(holder, dict):
        return list(cast("dict[str, object]", holder).values())
    return cast("list[object]", holder) if isinstance(holder, list) else []


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise NotStrictJson("syntax", "an object has the same key twice")
    return result


def _integer(digits: str) -> int:
    if len(digits) > 20 or abs(number := int(digits)) >= 1 << 63:
        raise NotStrictJson("number", "an integer is beyond 64 bits")
    return number


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise NotStrictJson("number", "a number is beyond 64 bits")
    return number


def _no_constant(name: str) -> NoReturn:
    raise NotStrictJson("syntax", f"{name} is not JSON")
