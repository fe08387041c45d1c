"""The answer in the shape that was asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator

from tests.acceptance.cli.conftest import Command, Server
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


def test_a_terminal_gets_the_typed_answer_too(treehold: Command, server: Server, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_text(json.dumps(of(keeper=TEXT)))
    folder = filled(tmp_path / "given", FACTS[0])
    place = ("--server", server.url, "--key", server.key)
    options = ("--files", str(folder), "--schema", str(tmp_path / "schema.json"))
    finished = treehold("run", "What is the lighthouse keeper called?", *options, *place)
    assert finished.status == 0
    printed = finished.out[finished.out.index("\n{\n") : finished.out.index("\n}\n") + 2]
    assert json.loads(printed).keys() == {"keeper"}


NOWHERE = {
    "flat": "rocks",
    "nested": "place.tower.storeys",
    "more items than there are": "names",
    "bounds": "long",
    "format": "id",
    "all of": "keeper",
    "tuple": "pair",
}
"""Schemas that require what the files do not hold, and a field that must be named."""


@pytest.mark.parametrize("name", NOWHERE)
def test_what_the_files_do_not_hold_is_not_made_up(ask: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / "schema.json").write_text(json.dumps(SCHEMAS[name]))
    folder = filled(tmp_path / "given", *FACTS[:4])
    finished = ask("What is known of the lighthouse?", folder, "--schema", str(tmp_path / "schema.json"))
    assert (finished.status, finished.json["answer"]) == (1, None)
    assert finished.json["error"]["code"] == "output_not_found"
    assert f" {NOWHERE[name]}" in finished.err


@pytest.mark.parametrize("name", sorted(SCHEMAS.keys() - NOWHERE.keys()))
def test_the_answer_matches_its_schema(ask: Command, tmp_path: Path, name: str) -> None:
    schema = SCHEMAS[name]
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    folder = filled(tmp_path / "given", *FACTS[:4])
    finished = ask("What is known of the lighthouse?", folder, "--schema", str(tmp_path / "schema.json"))
    assert finished.status == (3 if finished.json["partial"] else 0), finished.json["error"]
    cast(Any, Draft202012Validator(schema)).validate(finished.json["answer"])
    assert finished.json["text"]
    assert finished.json["citations"]
