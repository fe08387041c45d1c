"""Our validator finds what the reference one finds, and stops where that one would not."""

from __future__ import annotations

import contextlib
import time
from typing import Any, cast

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from core.schema import TooCostly, Validator, check
from tests.unit.core.schema.strategies import SCHEMAS, VALUES


@given(schema=SCHEMAS, value=VALUES)
@settings(max_examples=600, deadline=None)
def test_agrees_with_the_reference(schema: Any, value: Any) -> None:
    expected = cast(Any, Draft202012Validator(schema)).is_valid(value)
    assert (not Validator(schema).problems(value)) == expected


def test_a_problem_names_the_place_and_what_was_expected() -> None:
    schema = {"properties": {"n": {"items": {"maximum": 3}}}, "required": ["m"]}
    found = Validator(schema).problems({"n": [1, 9]})
    assert [(problem.place, problem.keyword, problem.expected) for problem in found] == [
        ((), "required", ["m"]),
        (("n", 1), "maximum", 3),
    ]


def _halves(depth: int) -> dict[str, Any]:
    inner: Any = {"properties": {"a": True}} if depth == 0 else _halves(depth - 1)
    return {"allOf": [inner, inner], "unevaluatedProperties": False}


MANY: list[tuple[str, Any, Any]] = [
    ("backtracking", {"pattern": "^(a+)+$"}, "a" * 60_000 + "!"),
    ("backtracking names", {"patternProperties": {"^(a+)+$": True}}, {"a" * 60_000 + "!": 1}),
    (
        "names left over",
        {"patternProperties": {"^(a+)+$": True}, "additionalProperties": False},
        {"a" * 60_000: 1},
    ),
    ("many texts", {"items": {"pattern": "^(?:.{0,9}a){20}$"}}, ["abcabcabca" * 3] * 2_000),
    ("unlike items", {"uniqueItems": True}, [item for n in range(8_000) for item in (n, str(n), [n])]),
    ("alternatives", {"items": {"anyOf": [{"const": n} for n in range(1_500)]}}, list(range(2_000, 30_000))),
    ("one of many", {"items": {"oneOf": [{"type": "integer"}] * 1_500}}, [1] * 30_000),
    ("big options", {"items": {"anyOf": [{"enum": [[n]]} for n in range(900)]}}, [[1] * 10] * 2_000),
    ("wrong kind", {"anyOf": [{"type": "integer"}] * 4_000}, ["x"] * 20_000),
    ("names", {"items": {"required": [str(n) for n in range(2_000)]}}, [{"a": 1}] * 10_000),
    ("joined halves", _halves(9), {"a": 1}),
]


@pytest.mark.parametrize(("schema", "value"), [case[1:] for case in MANY], ids=[case[0] for case in MANY])
def test_no_schema_and_value_take_long_together(schema: Any, value: Any) -> None:
    check(schema)
    validator = Validator(schema)
    started = time.process_time()
    with contextlib.suppress(TooCostly):
        validator.problems(value)
    assert time.process_time() - started < 2


def test_an_everyday_reply_of_full_size_is_checked_to_its_end() -> None:
    item = {
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "size"],
        "properties": {"name": {"type": "string", "pattern": "^[A-Za-z ]+$"}, "size": {"type": "integer"}},
    }
    value: Any = {"rows": [{"name": "some name or other", "size": n} for n in range(1_400)]}
    validator = Validator({"type": "object", "properties": {"rows": {"type": "array", "items": item}}})
    assert validator.problems(value) == []
    value["rows"][-1]["size"] = "large"
    assert [problem.place for problem in validator.problems(value)] == [("rows", 1_399, "size")]
