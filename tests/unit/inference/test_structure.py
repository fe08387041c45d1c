from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidInput
from inference import OutputProblem, OutputSchema, parse_strict

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


@given(value=JSON_VALUES, indent=st.sampled_from([None, 2]))
def test_whole_json_is_read_plain_or_fenced(value: Any, indent: int | None) -> None:
    written = json.dumps(value, indent=indent)
    assert parse_strict(f"\n {written} \n") == value
    assert parse_strict(f"```json\n{written}\n```") == value


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "   ",
        "{} {}",
        "Here: {}",
        "{} done",
        "{'a': 1}",
        '{"a": 1,}',
        '{"a": 1} // comment',
        "```\n{}\n```",
        "```json\n{}\n```\nDone.",
        "```json\n{}\n```\n```json\n{}\n```",
        "NaN",
        "[Infinity]",
        '{"a": 1, "a": 2}',
        "[" * 100_000,
        "9" * 10_000,
    ],
)
def test_everything_else_is_refused_without_a_quote(reply: str) -> None:
    with pytest.raises(OutputProblem):
        parse_strict(reply)


def test_a_problem_names_the_place_and_the_rule_but_never_the_value() -> None:
    schema = OutputSchema({"type": "object", "properties": {"n": {"type": "array", "items": {"maximum": 3}}}})
    with pytest.raises(OutputProblem) as caught:
        schema.check({"n": [1, 424242]})
    assert str(caught.value) == "$.n[1]: does not satisfy maximum 3"


def test_a_pattern_that_backtracks_elsewhere_is_answered_at_once() -> None:
    schema = OutputSchema({"patternProperties": {"^(b+)+$": {}}, "items": {"pattern": "^(a+)+$"}})
    started = time.process_time()
    with pytest.raises(OutputProblem, match="pattern"):
        schema.check(["a" * 50_000 + "!"])
    schema.check({"b" * 50_000 + "!": 1})
    assert time.process_time() - started < 1


@pytest.mark.parametrize("schema", [{"type": 7}, {"required": "name"}, {"$ref": "http://127.0.0.1:9/x.json"}])
def test_a_schema_that_cannot_be_used_is_the_callers_mistake(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        OutputSchema(schema).check({})
