"""What counts as a structured answer: strict JSON that fits its schema. Nothing is ever salvaged."""

from __future__ import annotations

import json
import re
from functools import lru_cache

import orjson
from pydantic import JsonValue

from core import schema as json_schema
from core.schema import Problem, Schema, TooCostly
from core.strict_json import NotStrictJson, decode
from core.text import clipped

_FENCE = re.compile(r"```json[ \t]*\r?\n(?P<body>.*?)\r?\n?```", re.DOTALL)

MAX_PROBLEMS = 5


class OutputProblem(Exception):
    """Why a reply is not the promised structure; the text never quotes the reply."""


def parse_strict(text: str) -> JsonValue:
    """The JSON value that is the whole text, white space and a single ```json fence around it left out.

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
        return decode(body)
    except NotStrictJson as error:
        raise OutputProblem(f"the reply cannot be read: {error}") from error


class OutputSchema:
    """A JSON Schema (2020-12) that replies are checked by."""

    def __init__(self, schema: Schema) -> None:
        """Compiles.

        Raises:
            InvalidInput: it is not a JSON Schema, or refers to something that is not in it.
        """
        json_schema.check(schema)
        self._validator = json_schema.Validator(json_schema.standing(schema))

    def check(self, value: JsonValue) -> None:
        """Passes a value that fits.

        Raises:
            OutputProblem: naming the places that do not fit and what was expected there.
        """
        try:
            problems = self._validator.problems(value)
        except TooCostly as error:
            raise OutputProblem("the reply is too large to be checked by its schema") from error
        if problems:
            raise OutputProblem("; ".join(_described(problem) for problem in problems[:MAX_PROBLEMS]))


def compiled(schema: dict[str, JsonValue]) -> OutputSchema:
    """The schema compiled, from a small cache.

    Raises:
        InvalidInput: it is not a JSON Schema.
    """
    return _compiled(orjson.dumps(schema))


@lru_cache(maxsize=64)
def _compiled(text: bytes) -> OutputSchema:
    return OutputSchema(orjson.loads(text))


def _described(problem: Problem) -> str:
    where = "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in problem.place)
    match problem.keyword:
        case "required" | "dependentRequired":
            names = problem.expected if isinstance(problem.expected, list) else []
            return f"{where}: required properties are missing: {', '.join(map(str, names))}"
        case "additionalProperties" | "unevaluatedProperties":
            return f"{where}: has properties the schema does not allow"
        case _:
            expected = clipped(json.dumps(problem.expected, ensure_ascii=False), 200)
            return f"{where}: does not satisfy {problem.keyword} {expected}"
