"""Answers say what is missing from them, and why."""

from __future__ import annotations

import json
from typing import Any, Literal
from uuid import uuid4

import pytest
from pydantic import JsonValue

from agents import answering, findings
from agents.answer import Answer
from agents.brief import FileRef, InputFile
from agents.ports import ChildReturn
from core.errors import AgentFailed, BudgetExhausted, BudgetLimit
from core.ids import AgentId
from inference.model import ModelReply, ModelRequest
from tests.unit.agents.turns import PROVENANCE, ScriptedTurn, facts

TITLES = {"s1": "Read the manual", "s2": "Read the log", "s3": "Read the map"}
QUOTE: dict[str, JsonValue] = {"file": "a.pdf", "line": 4, "quote": "It is lit at dusk.", "relevance": 0.9}
WANTED: dict[str, JsonValue] = {
    "type": "object",
    "properties": {"hour": {"type": ["integer", "null"]}, "place": {"type": "string"}},
    "required": ["hour"],
}


def child(
    key: str, *, code: str | None = None, limit: BudgetLimit | None = None, **returned: JsonValue
) -> ChildReturn:
    return ChildReturn(
        agent=AgentId(uuid4()),
        key=key,
        node=None,
        status="failed" if code else "done",
        returned=None if code else {"status": "found", "findings": [], **returned},
        error_code=code,
        limit=limit,
        provenance=PROVENANCE,
    )


def cut(key: str) -> ChildReturn:
    return child(key, code="budget_exhausted", limit="tokens")


def material(*children: ChildReturn, noun: Literal["workers", "agents"] = "workers") -> answering.Material:
    file = InputFile(ref=FileRef("f1"), path="a.pdf", kind="pdf", size=1, pages=(1, 3, 9))
    gathered = findings.gather(children, TITLES)
    return answering.Material(gathered=gathered, inputs=[file], notes=["1 hidden"], noun=noun)


def says(*, cites: tuple[str, ...] = ("c1",), complete: bool = True, **output: Any) -> ModelReply:
    value: Any = {"paragraphs": [{"text": "At dusk.", "cites": [*cites]}], "complete": complete, **output}
    return ModelReply(content=json.dumps(value), output=value)


def never(_: ModelRequest) -> ModelReply:
    raise AssertionError("no model is asked")


async def answered(
    reply: ModelReply | None, given: answering.Material, wanted: dict[str, JsonValue] | None = None
) -> Answer:
    turn = ScriptedTurn(facts(depth=0, output_schema=wanted), never if reply is None else lambda _: reply)
    answered, _ = await answering.answer(turn, [], given)
    return answered


async def test_where_the_budget_cut_every_worker_the_answer_says_so_and_no_model_is_asked() -> None:
    answer = await answered(None, material(cut("s1"), cut("s2"), cut("s3")))
    assert answer.text == "The budget ran out in 3 of 3 workers before they returned anything."
    assert (answer.partial, answer.limit) == (True, "tokens")
    assert answer.notes == (
        "1 hidden",
        "the budget ran out in 3 of 3 workers: Read the manual, Read the log, Read the map",
    )


async def test_where_it_cut_some_the_answer_is_partial_whatever_the_model_says() -> None:
    given = material(child("s1", findings=[QUOTE]), cut("s2"), child("s3", code="model_timeout"))
    answer = await answered(says(), given)
    assert (answer.partial, answer.limit) == (True, "tokens")
    assert answer.notes[1:] == (
        "the budget ran out in 1 of 3 workers: Read the log",
        "1 of 3 workers returned nothing usable: Read the map (model_timeout)",
    )


async def test_an_output_that_was_never_looked_for_is_the_budgets_fault() -> None:
    with pytest.raises(BudgetExhausted, match="ran out in 1 of 1 workers") as caught:
        await answered(None, material(cut("s1")), WANTED)
    assert caught.value.limit == "tokens"


async def test_an_output_that_cannot_be_filled_fails_the_task_with_the_reason() -> None:
    missing: Any = {"text": "Not found: hour (no number).", "cites": []}
    reply = ModelReply(output={"paragraphs": [missing], "complete": False, "output": None})
    with pytest.raises(AgentFailed, match=r"schema requires\. Not found: hour \(no number\)\.") as caught:
        await answered(reply, material(child("s1", findings=[QUOTE])), WANTED)
    assert caught.value.code == "output_not_found"


async def test_empty_fields_of_an_output_are_named() -> None:
    given = material(child("s1", findings=[QUOTE]))
    answer = await answered(says(complete=False, output={"hour": None}), given, WANTED)
    assert answer.output == {"hour": None}
    assert answer.partial
    assert "empty in the output: hour, place" in answer.notes


async def test_a_model_may_say_that_there_is_no_output() -> None:
    asked: list[ModelRequest] = []

    def script(request: ModelRequest) -> ModelReply:
        asked.append(request)
        return says(output={"hour": 7, "place": "there"})

    turn = ScriptedTurn(facts(depth=0, output_schema=WANTED), script)
    await answering.answer(turn, [], material(child("s1", findings=[QUOTE])))
    schema: Any = asked[0].output_schema
    assert schema["properties"]["output"]["type"] == ["object", "null"]


async def test_a_citation_of_a_pdf_names_the_page() -> None:
    answer = await answered(says(), material(child("s1", findings=[QUOTE])))
    assert [(citation.line, citation.page) for citation in answer.citations] == [(4, 2)]


async def test_values_that_were_left_out_are_counted() -> None:
    figures: list[JsonValue] = [{"name": f"n{n}", "value": n} for n in range(12)]
    given = material(child("s1", findings=[QUOTE], figures=figures, figures_left_out=8))
    assert "12 of 20 computed values shown" in (await answered(says(), given)).notes


def test_more_findings_than_a_prompt_holds_are_counted_too() -> None:
    many: list[JsonValue] = [QUOTE | {"quote": f"{n} " + "word " * 110, "line": n + 1} for n in range(8)]
    given = material(
        *(
            child(f"s{n}", findings=[dict(q) | {"file": f"{n}"} for q in many if isinstance(q, dict)])
            for n in range(8)
        )
    )
    kept = len(given.gathered.findings)
    assert 0 < kept < 64
    assert given.gathered.findings_left_out == 64 - kept


async def test_a_lead_below_the_root_passes_on_that_its_budget_ran_out() -> None:
    turn = ScriptedTurn(facts(), never)
    with pytest.raises(BudgetExhausted) as caught:
        await answering.select(turn, [], findings.gather([cut("s1"), cut("s2")], TITLES))
    assert caught.value.limit == "tokens"
