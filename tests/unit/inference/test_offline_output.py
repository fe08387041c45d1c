"""What the offline model fills a user's schema with: values that stand in a quote, and nothing else."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from pydantic import JsonValue

from core.blocks import block
from core.provenance import Trust
from inference.model import Message, ModelRequest
from inference.offline import OfflineProvider

BACKUPS = "Backups are kept for 14 days in the primary region."
LOGS = "The gateway keeps access logs for 30 days."
EFFECT = "The policy took effect on 2023-04-01 and is reviewed every 12 months."
REGION = "The primary region is eu-west; the fallback is us-east."
INTEGER, TEXT = {"type": "integer"}, {"type": "string"}
POLICY = (BACKUPS, EFFECT, REGION)


async def ignore(_: float) -> None:
    """No progress to show."""


async def answered(goal: str, output: dict[str, Any], *quotes: str, figures: Any = ()) -> dict[str, Any]:
    findings = [
        {"id": f"c{number}", "file": "policy.md", "line": 10 + number, "quote": quote, "relevance": 0.8}
        for number, quote in enumerate(quotes)
    ]
    given: Any = {"findings": findings, "figures": [*figures], "failed": []}
    content = "\n\n".join([block("goal", goal, Trust.USER), block("findings", given, Trust.UNTRUSTED)])
    schema: dict[str, JsonValue] = {"type": "object", "properties": {"paragraphs": {}, "output": output}}
    request = ModelRequest(
        kind="answer", messages=(Message(role="user", content=content),), output_schema=schema
    )
    reply = await OfflineProvider().complete(request, on_progress=ignore)
    return orjson.loads(reply.content)


def of(**properties: Any) -> dict[str, Any]:
    return {"type": ["object", "null"], "properties": properties, "required": list(properties)}


@pytest.mark.parametrize(
    ("goal", "field", "schema", "value"),
    [
        ("How many days are backups kept?", "days", INTEGER, 14),
        ("How many days does the gateway keep access logs?", "days", INTEGER, 30),
        ("How many days does the gateway keep access logs?", "answer", {"type": "number"}, 30),
        ("How often is the policy reviewed?", "months", INTEGER, 12),
        ("When did the policy take effect?", "effective", {"type": "string", "format": "date"}, "2023-04-01"),
        ("Which is the primary region?", "region", {"enum": ["us-east", "eu-west"]}, "eu-west"),
        ("When did the policy take effect?", "effective", TEXT, EFFECT),
    ],
)
async def test_a_value_is_the_one_next_to_its_words(
    goal: str, field: str, schema: dict[str, Any], value: JsonValue
) -> None:
    given = await answered(goal, of(**{field: schema}), *POLICY, LOGS)
    assert given["output"] == {field: value}
    assert given["complete"]


@pytest.mark.parametrize(
    ("goal", "field", "schema"),
    [
        ("How many days are invoices kept?", "days", INTEGER),
        ("How many weeks are backups kept?", "weeks", INTEGER),
        ("How many days are backups kept?", "days", {"type": "integer", "minimum": 20}),
        ("When does the policy expire?", "expires", {"type": "string", "format": "date"}),
        ("When are backups made?", "date", {"type": "string", "format": "date"}),
        ("When did the policy take effect?", "time", {"type": "string", "format": "date-time"}),
        ("Who answers for the policy?", "contact", {"type": "string", "format": "email"}),
        ("Which is the primary region?", "region", {"enum": ["ap-south", "sa-east"]}),
        ("Is the policy secret?", "policy", {"type": "boolean"}),
        ("How fast are backups?", "megabytes_per_second", {"type": "number"}),
        ("Which is the primary region?", "region", {"type": "string", "maxLength": 5}),
        ("Which is the primary region?", "region", {"type": "string", "minLength": 4000}),
    ],
)
async def test_what_does_not_stand_there_is_not_made_up(
    goal: str, field: str, schema: dict[str, Any]
) -> None:
    missing = await answered(goal, of(**{field: schema}), *POLICY)
    assert (missing["output"], missing["complete"]) == (None, False)
    assert missing["paragraphs"][-1]["text"].startswith(f"Not found: {field} (")
    optional = await answered(goal, of(**{field: schema}) | {"required": []}, *POLICY)
    assert (optional["output"], optional["complete"]) == ({}, False)
    nullable = {"anyOf": [schema, {"type": "null"}]}
    assert (await answered(goal, of(**{field: nullable}), *POLICY))["output"] == {field: None}


async def test_a_number_stands_before_what_it_counts() -> None:
    given = await answered("How many copies are kept?", of(copies=INTEGER), "Kept are 3 copies 2 times.")
    assert given["output"] == {"copies": 3}


async def test_two_values_as_near_as_each_other_are_none() -> None:
    given = await answered(
        "How many days are copies kept?",
        of(days=INTEGER),
        "Copies are kept for 5 days.",
        "Copies are kept for 9 days.",
    )
    assert given["output"] is None
    assert "several: 5, 9" in given["paragraphs"][-1]["text"]


@pytest.mark.parametrize(
    "quote",
    [
        "Copies kept since 2023-04-01 take days.",
        "Copies are kept at 12:30 for days.",
        "Release 1.2.3 keeps copies for days.",
        "3. Copies are kept for days.",
        "Copies are kept for 2 million days.",
    ],
)
async def test_numbers_of_dates_times_versions_and_lists_are_no_numbers(quote: str) -> None:
    given = await answered("How many days are copies kept?", of(days=INTEGER), quote)
    assert given["output"] is None


@pytest.mark.parametrize(
    ("form", "quote", "value"),
    [
        ("date", "The contract begins on 3rd of March 2024.", "2024-03-03"),
        ("date", "The contract begins on Mar. 3, 2024.", "2024-03-03"),
        ("date", "The contract begins on 2024-13-01.", None),
        ("date-time", "The contract begins on 2024-03-03T10:00:00Z.", "2024-03-03T10:00:00Z"),
        ("email", "The contract begins with a mail to ops@example.org.", "ops@example.org"),
        ("uri", "The contract begins at https://example.org/terms.", "https://example.org/terms"),
        (
            "uuid",
            "The contract begins as 2d931510-d99f-494a-8c67-87feb05e1594.",
            "2d931510-d99f-494a-8c67-87feb05e1594",
        ),
        ("ipv4", "The contract begins at 10.0.0.1.", None),
    ],
)
async def test_formats_are_kept(form: str, quote: str, value: str | None) -> None:
    given = await answered(
        "How does the contract begin?", of(begins={"type": ["string", "null"], "format": form}), quote
    )
    assert given["output"] == {"begins": value}


async def test_a_list_has_an_item_for_each_quote_that_gives_all_it_must() -> None:
    item = of(quote=TEXT, days=INTEGER)
    given = await answered(
        "List the days", of(kept={"type": "array", "items": item | {"type": "object"}}), *POLICY
    )
    assert given["output"] == {"kept": [{"quote": BACKUPS, "days": 14}]}


async def test_each_value_says_where_it_stands() -> None:
    given = await answered("How many days are backups kept?", of(days=INTEGER), BACKUPS)
    assert {"text": "days = 14, from policy.md", "cites": ["c0"]} in given["paragraphs"]


@pytest.mark.parametrize(
    ("goal", "value"),
    [
        ("What is the total amount?", 210),
        ("What is the average amount?", 35),
        ("What is the total amount in the north?", 30),
        ("What is the total price?", None),
        ("What is the highest amount?", None),
    ],
)
async def test_a_computed_number_is_used_where_all_of_its_name_is_asked_for(
    goal: str, value: int | None
) -> None:
    figures = [
        {"name": name, "value": number, "file": "sales.csv"}
        for name, number in (("sum_amount", 210.0), ("mean_amount", 35.0), ("north.sum_amount", 30.0))
        if name.startswith("north") == ("north" in goal)
    ]
    given = await answered(goal, of(result={"type": ["number", "null"]}), figures=figures)
    assert given["output"] == {"result": value}


async def test_a_number_of_one_group_is_not_that_of_all() -> None:
    figures = [{"name": "north.sum_amount", "value": 30, "file": "sales.csv"}]
    given = await answered("What is the total amount?", of(result={"type": "number"}), figures=figures)
    assert given["output"] is None
