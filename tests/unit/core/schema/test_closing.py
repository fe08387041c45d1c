"""What a closed schema lets in, its author named; and what fits it fits the schema as it was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from core.schema import Validator, closed
from tests.unit.core.schema.strategies import SCHEMAS, VALUES

A: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "integer"}}}
B: dict[str, Any] = {"type": "object", "properties": {"b": {"type": "integer"}}}
IF_A: dict[str, Any] = {
    "if": {"properties": {"a": {"const": 1}}, "required": ["a"]},
    "then": {"required": ["b"]},
}


def fits(schema: dict[str, Any], value: Any) -> bool:
    return not Validator(closed(schema)).problems(value)


A_IS_1: dict[str, Any] = {"properties": {"a": {"const": 1}}, "required": ["a"]}
BOTH = A | {"properties": {**A["properties"], **B["properties"]}}

CASES: list[tuple[dict[str, Any], Any, Any]] = [
    (A, {"a": 1}, {"a": 1, "c": 1}),
    (A | {"additionalProperties": True}, {"a": 1}, {"c": 1}),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, {}, {"c": 1}),
    ({"type": ["object", "null"]}, None, {"c": 1}),
    ({"allOf": [A, B]}, {"a": 1, "b": 1}, {"a": 1, "b": 1, "c": 1}),
    ({"allOf": [A | {"additionalProperties": True}, B]}, {"a": 1, "b": 1}, {"c": 1}),
    (A | {"allOf": [B, {"required": ["a", "b"]}]}, {"a": 1, "b": 1}, {"a": 1, "b": 1, "c": 1}),
    (A | {"anyOf": [{"required": ["a"]}, B]}, {"a": 1}, {"a": 1, "c": 1}),
    ({"oneOf": [A | {"required": ["a"]}, B | {"required": ["b"]}]}, {"b": 1}, {"b": 1, "c": 1}),
    ({"anyOf": [A, {"type": "null"}]}, {"a": 1}, {"c": 1}),
    (BOTH | {"if": A_IS_1, "then": {"required": ["b"]}}, {"a": 2}, {"a": 1}),
    ({"properties": {"in": {"allOf": [A, B]}}}, {"in": {"a": 1, "b": 1}}, {"in": {"c": 1}}),
    ({"items": A}, [{"a": 1}], [{"c": 1}]),
    (A | {"not": {"properties": {"a": {"const": 1}}}}, {"a": 2}, {"a": 1}),
    ({"type": "object", "patternProperties": {"^x": {}}}, {"xy": 1}, {"y": 1}),
    (
        {"type": "object", "properties": {"properties": A}},
        {"properties": {"a": 1}},
        {"properties": {"c": 1}},
    ),
    ({"enum": [{"properties": 1}]}, {"properties": 1}, {"properties": 2}),
]


@pytest.mark.parametrize(("schema", "good", "bad"), CASES)
def test_it_lets_in_what_was_named_and_nothing_else(schema: dict[str, Any], good: Any, bad: Any) -> None:
    assert fits(schema, good)
    assert not fits(schema, bad)


@given(schema=SCHEMAS, value=VALUES)
@settings(max_examples=400, deadline=None)
def test_what_fits_it_closed_fits_it_open(schema: Any, value: Any) -> None:
    if not isinstance(schema, bool) and fits(schema, value):
        assert not Validator(schema).problems(value)
