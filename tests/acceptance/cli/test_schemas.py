"""The answer in the shape that was asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator

from tests.acceptance.cli.conftest import Command
from tests.acceptance.cli.folders import FACTS, filled


def of(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


TEXT = {"type": "string"}
PERSON = {"$ref": "#/$defs/person"}
SCHEMAS: dict[str, dict[str, Any]] = {
    "flat": of(keeper=TEXT, rocks={"type": "integer"}, lit={"type": "boolean"}, height={"type": "number"}),
    "nested": of(place=of(name=TEXT, tower=of(storeys={"type": "integer", "minimum": 3, "maximum": 9}))),
    "array": of(facts={"type": "array", "items": of(file=TEXT, quote=TEXT), "minItems": 1}),
    "more items than there are": of(names={"type": "array", "items": TEXT, "minItems": 12, "maxItems": 20}),
    "few items": of(names={"type": "array", "items": TEXT, "maxItems": 1}),
    "distinct items": of(kinds={"type": "array", "items": {"enum": ["a", "b"]}, "uniqueItems": True}),
    "enum": of(fuel={"enum": ["coal", "whale oil", "gas"]}, unit={"const": "metres"}),
    "choices": of(built={"anyOf": [{"type": "integer"}, {"type": "null"}]}, who={"type": ["string", "null"]}),
    "bounds": of(
        short={"type": "string", "maxLength": 5},
        long={"type": "string", "minLength": 400},
        above={"type": "number", "exclusiveMinimum": 10},
        even={"type": "integer", "multipleOf": 2},
    ),
    "format": of(
        day={"type": "string", "format": "date"},
        id={"type": "string", "format": "uuid"},
        rock={"type": "string", "pattern": "^[A-Z][a-z]+$"},
    ),
    "references": {
        **of(
            keeper={"$ref": "#/$defs/person"}, helpers={"type": "array", "items": {"$ref": "#/$defs/person"}}
        ),
        "$defs": {"person": of(name=TEXT)},
    },
    "all of": of(keeper={"allOf": [TEXT, {"maxLength": 20}]}),
    "optional": {"type": "object", "properties": {"keeper": TEXT}},
    "nothing": {"type": "object"},
    "map": {"type": "object", "additionalProperties": {"type": "integer"}},
    "tuple": of(pair={"type": "array", "prefixItems": [TEXT, {"type": "integer"}], "minItems": 2}),
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_answer_matches_its_schema(ask: Command, tmp_path: Path, name: str) -> None:
    schema = SCHEMAS[name]
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    folder = filled(tmp_path / "given", *FACTS[:4])
    finished = ask("What is known of the lighthouse?", folder, "--schema", str(tmp_path / "schema.json"))
    assert finished.status == 0, finished.json["error"]
    cast(Any, Draft202012Validator(schema)).validate(finished.json["answer"])
    assert finished.json["text"]
    assert finished.json["citations"]
