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
    """The grant feeds one worker, which gets less than what its first call uses."""
    facts = [fact for fact in FACTS if not fact.file.endswith((".csv", ".jsonl"))]
    finished = ask("What is known of the lighthouse?", given(tmp_path, *facts), "--budget-tokens", "4000")
    report = finished.json
    assert (finished.status, report["partial"], report["stop_reason"]) == (PARTIAL, True, "tokens")
    assert report["text"] == "The budget ran out in 1 of 1 workers before they returned anything."
    assert any(note.startswith("the budget ran out in 1 of 1 workers: Read ") for note in report["notes"])


def test_a_small_budget_feeds_few_workers(ask: Command, tmp_path: Path) -> None:
    """One worker that reads all the files answers where a worker for each file could not begin."""
    facts = [fact for fact in FACTS if not fact.file.endswith((".csv", ".jsonl"))]
    finished = ask("What does the lighthouse lamp burn?", given(tmp_path, *facts), "--budget-tokens", "12000")
    assert "whale oil" in finished.json["text"]


INVOICES = (
    "invoice,region,status,amount_eur\nINV-1,EMEA,paid,10\nINV-2,EMEA,open,20\nINV-3,APAC,paid,40\n"
    "INV-4,EMEA,paid,80\n"
)
REQUESTS = "".join(
    f'{{"path": "/a", "status": {status}, "ms": 7}}\n' for status in [*[200] * 6, 503, 404, 503]
)


@pytest.mark.parametrize(
    ("question", "told"),
    [
        ("How many requests had status 503 in the gateway log?", "gateway.jsonl: status-503.count = 2"),
        ("total amount_eur of paid invoices in EMEA", "invoices.csv: EMEA-paid.sum_amount_eur = 90"),
        (
            "total amount_eur in invoices.csv where region is EMEA and status is paid",
            "invoices.csv: EMEA-paid.sum_amount_eur = 90",
        ),
        (
            "Sum amount_eur by region in invoices.csv",
            "invoices.csv: EMEA.sum_amount_eur = 110; APAC.sum_amount_eur = 40",
        ),
        ("How many invoices are paid?", "invoices.csv: paid.count = 3"),
    ],
)
def test_values_filter_and_only_a_named_column_groups(
    ask: Command, tmp_path: Path, question: str, told: str
) -> None:
    report = ask(question, given(tmp_path, invoices_csv=INVOICES, gateway_jsonl=REQUESTS)).json
    computed = [part.partition(" [")[0] for part in report["text"].split("\n\n") if part.startswith("Comp")]
    assert computed == [f"Computed from {told}"]


@pytest.mark.parametrize(
    "question",
    [
        "How many requests had a status over 400 in gateway.jsonl ?",
        "How many requests were slow in gateway.jsonl ?",
        "What is the total amount_eur without EMEA in invoices.csv ?",
        "What is the total amount_eur by quarter in invoices.csv ?",
    ],
)
def test_what_rules_cannot_compute_is_said_and_not_guessed(
    ask: Command, tmp_path: Path, question: str
) -> None:
    finished = ask(question, given(tmp_path, invoices_csv=INVOICES, gateway_jsonl=REQUESTS))
    assert finished.status == PARTIAL
    assert "Computed" not in finished.json["text"]
    assert "these rules cannot compute" in finished.json["text"]


def test_named_files_are_compared_by_the_lines_that_differ(ask: Command, tmp_path: Path) -> None:
    old, new = "# Terms\n\nSame here.\nAnswers in 8 hours.\n", "# Terms\n\nSame here.\nAnswers in 4 hours.\n"
    folder = given(tmp_path, *FACTS[:4]) / "terms-2025.md"
    folder.write_text(old)
    folder.with_name("terms-2026.md").write_text(new)
    report = ask("What changed between terms-2025.md and terms-2026.md?", folder.parent).json
    quoted = {(citation["file"], citation["quote"]) for citation in report["citations"]}
    assert quoted == {("terms-2025.md", "Answers in 8 hours."), ("terms-2026.md", "Answers in 4 hours.")}


@pytest.mark.parametrize(
    ("content", "question", "quote"),
    [
        (
            "# Urlaub\n\nResturlaub verfällt am 31. März des Jahres. Mehr nicht.",
            "Wann verfällt Resturlaub?",
            "Resturlaub verfällt am 31. März des Jahres.",
        ),
        (
            "# Report\n\nAll went well that day.\n\n## Owner\n\nMarta Oliveira",
            "Who is the owner?",
            "Marta Oliveira",
        ),
        ("MAX_ATTEMPTS = 6\nBASE_DELAY = 2", "How often are retry attempts made?", "MAX_ATTEMPTS = 6"),
    ],
)
def test_what_is_asked_is_quoted_whole(
    ask: Command, tmp_path: Path, content: str, question: str, quote: str
) -> None:
    citations = ask(question, given(tmp_path, facts_md=content)).json["citations"]
    assert quote in [citation["quote"] for citation in citations]


def test_a_string_is_what_a_line_names_so(ask: Command, tmp_path: Path) -> None:
    content = (
        "# Checkout outage\n\n**Duration:** 47 minutes\n\nAbout 3,120 orders failed during the outage.\n"
    )
    schema = tmp_path / "schema.json"
    described = TEXT | {"description": "of the checkout outage"}
    schema.write_text(
        json.dumps({"type": "object", "properties": {"duration": described, "cost": described}})
    )
    folder = given(tmp_path, outage_md=content)
    finished = ask("What is known of the checkout outage?", folder, "--schema", str(schema))
    assert finished.status == PARTIAL
    assert finished.json["answer"] == {"duration": "47 minutes"}
    assert 'duration = "47 minutes", from outage.md' in finished.json["text"]
