"""What the offline model answers: values that stand in the files, computed ones with their source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from jsonschema import Draft202012Validator

from tests.acceptance.cli.conftest import Command, Finished
from tests.acceptance.cli.folders import FACTS, Fact, filled
from tests.acceptance.cli.test_schemas import of

TEXT = {"type": "string"}
INTEGER = {"type": "integer"}
PARTIAL = 3
FILLED: dict[str, tuple[dict[str, Any], Any]] = {
    "flat": (
        of(keeper=TEXT, built=INTEGER),
        {"keeper": "The lighthouse keeper is called Mor Finch.", "built": 1871},
    ),
    "pattern": (
        of(place=of(rock={"type": "string", "pattern": "^[A-Z][a-z]+$"})),
        {"place": {"rock": "Gannet"}},
    ),
    "enum": (
        of(fuel={"enum": ["coal", "whale oil", "gas"]}, unit={"const": "metres"}),
        {"fuel": "whale oil", "unit": "metres"},
    ),
    "choices": (of(built={"anyOf": [{"type": "null"}, INTEGER]}), {"built": 1871}),
    "references": (
        {**of(keeper={"$ref": "#/$defs/said"}), "$defs": {"said": {"allOf": [TEXT, {"maxLength": 60}]}}},
        {"keeper": "The lighthouse keeper is called Mor Finch."},
    ),
    "array": (
        of(facts={"type": "array", "items": of(file=TEXT, built=INTEGER)}),
        {"facts": [{"file": "history.html", "built": 1871}]},
    ),
}
EMPTY: dict[str, tuple[dict[str, Any], Any]] = {
    "height": (of(height={"type": ["number", "null"]}), {"height": None}),
    "rocks": ({"type": "object", "properties": {"rocks": INTEGER}}, {}),
    "heights": (of(heights={"type": "array", "items": {"type": "number"}}), {"heights": []}),
}
SALES = (
    "region,month,amount\nnorth,Jan,10\nnorth,Feb,20\nsouth,Jan,30\nsouth,Feb,40\neast,Jan,50\nwest,Jan,60\n"
)


def given(folder: Path, *facts: Fact, **files: str) -> Path:
    """A folder with these facts, and files whose dots are written as underscores."""
    more = [
        Fact(file=name.replace("_", "."), content=content.encode(), question="", told="")
        for name, content in files.items()
    ]
    return filled(folder / "given", *facts, *more)


def asked(ask: Command, folder: Path, schema: dict[str, Any]) -> Finished:
    path = folder / "schema.json"
    path.write_text(json.dumps(schema))
    return ask("What is known of the lighthouse?", given(folder, *FACTS[:4]), "--schema", str(path))


@pytest.mark.parametrize("name", FILLED)
def test_an_output_holds_what_the_files_say(ask: Command, tmp_path: Path, name: str) -> None:
    schema, expected = FILLED[name]
    finished = asked(ask, tmp_path, schema)
    assert finished.status == 0, finished.json["error"]
    cast(Any, Draft202012Validator(schema)).validate(finished.json["answer"])
    assert finished.json["answer"] == expected
    assert finished.json["citations"]


@pytest.mark.parametrize("field", EMPTY)
def test_what_the_files_do_not_say_is_empty_and_named(ask: Command, tmp_path: Path, field: str) -> None:
    schema, expected = EMPTY[field]
    finished = asked(ask, tmp_path, schema)
    assert finished.status == PARTIAL, finished.json["error"]
    assert finished.json["answer"] == expected
    assert f"empty in the output: {field}" in finished.json["notes"]
    assert f"Not found: {field} (" in finished.json["text"]


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("What is the total amount?", "sum_amount = 210"),
        ("What is the average amount in the north?", "north.mean_amount = 15"),
        ("What is the total amount by month?", "Jan.sum_amount = 150; Feb.sum_amount = 60"),
        ("What is the total amount in the north in Jan?", "north-Jan.sum_amount = 10"),
        ("Compare the total amount of north and south", "north.sum_amount = 30; south.sum_amount = 70"),
    ],
)
def test_a_table_is_computed_as_asked_and_its_columns_are_cited(
    ask: Command, tmp_path: Path, question: str, told: str
) -> None:
    report = ask(question, given(tmp_path, sales_csv=SALES)).json
    head = "Computed from sales.csv: "
    computed = next(part for part in report["text"].split("\n\n") if part.startswith(head))
    said, _, mark = computed.removeprefix(head).partition(" [")
    assert said == told
    cited = report["citations"][int(mark.removesuffix("]")) - 1]
    assert (cited["file"], cited["line"], cited["quote"]) == ("sales.csv", 1, "region,month,amount")


def test_values_there_is_no_room_for_are_counted(ask: Command, tmp_path: Path) -> None:
    rows = "".join(f"shop{number},{number}\n" for number in range(40))
    report = ask(
        "What is the total revenue by shop?", given(tmp_path, shops_csv=f"shop,revenue\n{rows}")
    ).json
    assert report["text"].count("sum_revenue = ") == 24
    assert "24 of 40 computed values shown" in report["notes"]


def test_a_table_the_question_does_not_name_is_not_computed(ask: Command, tmp_path: Path) -> None:
    folder = given(tmp_path, FACTS[0], sales_csv=SALES)
    assert "Computed" not in ask("What is the lighthouse keeper called?", folder).json["text"]


def test_a_quote_is_one_block_of_a_page_and_a_pdf_is_cited_by_its_page(ask: Command, tmp_path: Path) -> None:
    page = "<title>Lighthouse lamp</title><h1>Lighthouse lamp</h1><p>The lighthouse lamp burns oil.</p>"
    folder = given(tmp_path, FACTS[-1], lamp_html=page)
    citations = ask("What is said of the lighthouse lamp and roof?", folder).json["citations"]
    quotes = {citation["quote"] for citation in citations if citation["file"] == "lamp.html"}
    assert "The lighthouse lamp burns oil." in quotes
    assert quotes <= {"Lighthouse lamp", "The lighthouse lamp burns oil."}
    assert [citation["page"] for citation in citations if citation["file"] == "report.pdf"] == [2]


def test_a_budget_that_cuts_the_work_short_is_named_as_the_reason(ask: Command, tmp_path: Path) -> None:
    """Each of six workers gets less than what its first call uses."""
    facts = [fact for fact in FACTS if not fact.file.endswith((".csv", ".jsonl"))]
    finished = ask("What is known of the lighthouse?", given(tmp_path, *facts), "--budget-tokens", "8000")
    report = finished.json
    assert (finished.status, report["partial"], report["stop_reason"]) == (PARTIAL, True, "tokens")
    assert report["text"] == "The budget ran out in 6 of 6 workers before they returned anything."
    note = next(note for note in report["notes"] if note.startswith("the budget ran out in 6 of 6 workers: "))
    assert set(note.partition(": ")[2].split(", ")) == {f"Read {fact.file}" for fact in facts}
