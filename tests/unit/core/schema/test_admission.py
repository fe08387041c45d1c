"""What is no usable schema is refused with its place, before it can cost anything."""

from __future__ import annotations

import time
from typing import Any

import pytest

from core.errors import InvalidInput
from core.schema import admitted


def of(part: Any, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": part}, **more}


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (of({"type": "nonsense"}), "/properties/a/type must be one or several of array, boolean"),
        (of({"type": ["string", "string"]}), "/properties/a/type must be"),
        (of(3), "/properties must be an object of schemas|/properties/a must be a schema"),
        ({"type": "object", "properties": 3}, "/properties must be an object of schemas"),
        (of({"enum": "a"}), "/properties/a/enum must be a list"),
        (of({"anyOf": []}), "/properties/a/anyOf must be a list of schemas that is not empty"),
        (of({"maxLength": -1}), "/properties/a/maxLength must be a whole number"),
        (of({"multipleOf": 0}), "/properties/a/multipleOf must be a number above 0"),
        (of({"items": [{"type": "string"}]}), "/properties/a/items must be a schema"),
        (of({"required": ["b", "b"]}), "/properties/a/required must be a list of different texts"),
        (of({"pattern": "(?=a)"}), "/properties/a/pattern is a pattern that is not supported: look-around"),
        (of({"pattern": r"(a)\1"}), r"/properties/a/pattern .* \\1 is not supported"),
        (of({"pattern": "("}), "/properties/a/pattern .* a '\\)' is missing .at character 2.; rewrite it"),
        (of({"patternProperties": {"[": {}}}), "/properties/a/patternProperties/\\[ is a pattern"),
        (of({"anyOf": [{"pattern": f"a{n}"} for n in range(60)]}), "one pattern too many: 50"),
        (of({"$ref": "https://example.com/schema"}), "only refer to its own definitions"),
        (of({"$ref": "#/$defs/missing"}), "which is not in it"),
        (of({"$ref": "#/properties/a"}), "may not contain itself"),
        (of({"$dynamicRef": "#/properties/a"}), "use \\$ref"),
        (of({"enum": [str(n) for n in range(20_000)]}), "64,000 are the most"),
        (of({"type": "string", "minLength": 10**9}), "lower its minItems and minLength"),
        (of({"minItems": 900, "items": {"minItems": 900, "items": {}}}), "lower its minItems"),
        (of({"const": 1 << 70}), "beyond 64 bits"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(schema: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        admitted(schema)


def _chain(length: int) -> dict[str, Any]:
    """Each definition nests the one before it."""
    link: Any = {f"d{n}": {"items": {"$ref": f"#/$defs/d{n - 1}"}} for n in range(1, length)}
    return of({"$ref": f"#/$defs/d{length - 1}"}, **{"$defs": {"d0": {}, **link}})


def _bomb(length: int) -> dict[str, Any]:
    """Each definition holds the one before it twice."""
    twice = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n - 1}"}] * 2} for n in range(1, length)}
    return of({"$ref": f"#/$defs/d{length - 1}"}, **{"$defs": {"d0": {}, **twice}})


def _nested(depth: int) -> dict[str, Any]:
    inner: Any = {}
    for _ in range(depth):
        inner = {"items": inner}
    return of(inner)


@pytest.mark.parametrize(
    "schema",
    [_chain(60), _chain(1_500), _bomb(40), _nested(60), _nested(20_000)],
    ids=["chain", "long chain", "bomb", "nested", "deeply nested"],
)
def test_bombs_are_refused_at_once(schema: dict[str, Any]) -> None:
    started = time.process_time()
    with pytest.raises(InvalidInput):
        admitted(schema)
    assert time.process_time() - started < 1


def test_a_reference_is_replaced_by_what_it_means() -> None:
    schema = admitted(
        of(
            {"$ref": "#/$defs/part", "description": "of this place"},
            **{"$defs": {"part": {"type": "string", "description": "of any"}}},
        )
    )
    assert schema == of({"type": "string", "description": "of this place"})


def test_what_limits_beside_a_reference_limits_further() -> None:
    part = {"type": "string", "maxLength": 5}
    schema = admitted(of({"$ref": "#/$defs/part", "maxLength": 9}, **{"$defs": {"part": part}}))
    assert schema == of({"allOf": [part], "maxLength": 9})


def test_members_named_like_keywords_are_members() -> None:
    members = {name: {"type": "string"} for name in ("$ref", "$defs", "$id", "pattern", "x-treehold")}
    schema = {"type": "object", "properties": members}
    assert admitted(schema) == schema
