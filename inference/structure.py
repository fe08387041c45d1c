"""Strict JSON and JSON Schema: what counts as a structured answer. Nothing is ever salvaged."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NoReturn, cast

import jsonschema
import orjson
import referencing
from jsonschema.exceptions import SchemaError, ValidationError
from pydantic import JsonValue
from referencing.exceptions import Unresolvable

from core.errors import InvalidInput
from core.text import clipped

_FENCE = re.compile(r"```json[ \t]*\r?\n(?P<body>.*?)\r?\n?```", re.DOTALL)

MAX_PROBLEMS = 5


class OutputProblem(Exception):
    """Why a reply is not the promised structure; the text never quotes the reply."""


def parse_strict(text: str) -> JsonValue:
    """The JSON value that is the whole text.

    White space around it and a single ```json fence are allowed. Duplicate keys, NaN and infinities
    are not JSON here.

    Raises:
        OutputProblem: saying what is wrong, without quoting the text.
    """
    body = text.strip()
    fenced = _FENCE.fullmatch(body)
    if fenced is not None:
        body = fenced["body"].strip()
    if not body:
        raise OutputProblem("the reply is empty; a JSON value was expected")
    try:
        return json.loads(body, object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_bounded)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise OutputProblem(f"the reply is not JSON as a whole: {error.msg} at {place}") from error
    except RecursionError as error:
        raise OutputProblem("the reply is nested too deeply") from error
    except ValueError as error:
        raise OutputProblem("the reply holds a number that is too long") from error


class OutputSchema:
    """A compiled JSON Schema (2020-12). References to other documents are never fetched."""

    def __init__(self, schema: dict[str, JsonValue]) -> None:
        """Compiles.

        Raises:
            InvalidInput: it is not a JSON Schema.
        """
        validator = jsonschema.Draft202012Validator
        try:
            validator.check_schema(schema)
        except SchemaError as error:
            raise InvalidInput(f"the output schema is not a JSON Schema: at {error.json_path}") from error
        compiled: Any = validator(schema, registry=referencing.Registry())
        self._errors: Callable[[JsonValue], Iterable[ValidationError]] = compiled.iter_errors

    def check(self, value: JsonValue) -> None:
        """Passes a value that fits.

        Raises:
            OutputProblem: naming the places that do not fit and what was expected there.
            InvalidInput: the schema refers to something that is not in it.
        """
        try:
            errors = sorted(self._errors(value), key=lambda error: error.json_path)
        except Unresolvable as error:
            raise InvalidInput("the output schema refers to something that is not in it") from error
        if errors:
            raise OutputProblem("; ".join(_described(error) for error in errors[:MAX_PROBLEMS]))


def compiled(schema: dict[str, JsonValue]) -> OutputSchema:
    """The schema compiled, from a small cache: checking a schema against its meta-schema takes a while.

    Raises:
        InvalidInput: it is not a JSON Schema.
    """
    return _compiled(orjson.dumps(schema, option=orjson.OPT_SORT_KEYS))


@lru_cache(maxsize=256)
def _compiled(canonical: bytes) -> OutputSchema:
    return OutputSchema(orjson.loads(canonical))


def _described(error: ValidationError) -> str:
    where = error.json_path
    match error.validator:
        case "required":
            return f"{where}: required properties are missing: {_missing(error)}"
        case "additionalProperties" | "unevaluatedProperties":
            return f"{where}: has properties the schema does not allow"
        case _:
            expected = clipped(json.dumps(error.validator_value, default=str), 200)
            return f"{where}: does not satisfy {error.validator} {expected}"


def _missing(error: ValidationError) -> str:
    present = cast("dict[str, object]", error.instance)
    names = cast("list[str]", error.validator_value)
    return ", ".join(name for name in names if name not in present)


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise OutputProblem("an object has the same key twice")
    return result


def _bounded(digits: str) -> int:
    number = int(digits)
    if abs(number) >= 1 << 63:
        raise OutputProblem("an integer is beyond 64 bits")
    return number


def _no_constant(name: str) -> NoReturn:
    raise OutputProblem(f"{name} is not JSON")
