"""What a terminal shows of a task that has ended."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from rich.console import Console

from cli import outcome
from tests.unit.cli.trees import agent, task, tree
from treehold import Agent, Task

CITED = {"file": "keeper.md", "line": 5, "quote": "The keeper is called\nMor Finch."}


def shown(ended: Task[Any], *agents: Agent) -> str:
    out = io.StringIO()
    outcome.show(Console(file=out, width=100), tree(ended, *agents), "http://here/tasks/1")
    return out.getvalue()


def test_a_typed_answer_is_printed_as_json_that_can_be_copied() -> None:
    output = {"keeper": "Mor Finch", "words": "long " * 60, "odd": "a\x9bb"}
    ended = task(output_schema={"type": "object"}, answer={"text": "It is Mor Finch.", "output": output})
    text = shown(ended)
    printed = text[text.index("\n{\n") : text.index("\n}\n") + 2]
    assert json.loads(printed) == output
    assert '\n  "keeper": "Mor Finch",\n' in printed
    assert "\x9b" not in text


def test_a_passage_is_printed_once_and_its_source_by_number() -> None:
    text = shown(task(answer={"text": "The keeper is called Mor Finch. [1]", "citations": [CITED]}))
    assert text.count("Mor Finch") == 1
    assert "[1] keeper.md:5-6" in text


def test_a_quote_that_the_answer_does_not_give_is_given_with_its_source() -> None:
    text = shown(task(answer={"text": "Finch. [1]", "citations": [CITED]}))
    assert "[1] keeper.md:5-6 The keeper is called Mor Finch." in text


def test_a_source_in_a_pdf_has_its_page() -> None:
    cited = {"file": "report.pdf", "line": 14, "page": 2, "quote": "New copper."}
    assert "[1] report.pdf:14 (page 2) New copper." in shown(task(answer={"text": "", "citations": [cited]}))


def test_each_error_is_said_once() -> None:
    error = {"code": "budget_exhausted", "message": "the limit is reached"}
    lead = agent(status="failed", error=error)
    workers = [
        agent(parent=lead.id, position=number, title=f"w{number}", status="failed", error=cause)
        for number, cause in enumerate(
            [error, {"code": "x", "message": "broke"}, {"code": "x", "message": "broke"}]
        )
    ]
    text = shown(task(status="failed", stop_reason="error", error=error), lead, *workers)
    assert text.count("the limit is reached") == 0, "that is the verdict's"
    assert text.count("broke") == 1


SOME = {"text": "Some."}
SOME_PARTIAL = {"text": "Some.", "partial": True}
BROKE = {"code": "internal", "message": "it broke"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"answer": SOME}, None),
        (
            {
                "answer": SOME,
                "stop_reason": "tokens",
                "budget": {"tokens": 4000},
                "usage": {"prompt_tokens": 310},
            },
            "partial: the token budget ran out (310 of 4,000 used, the rest too few to go on); "
            "go on with more: treehold fork ID --budget-tokens N",
        ),
        (
            {"answer": SOME_PARTIAL | {"limit": "deadline"}, "budget": {"seconds": 2.5}},
            "partial: the time ran out (3 of 2.5 seconds); go on with more: treehold fork ID --deadline N",
        ),
        (
            {"answer": SOME_PARTIAL},
            "partial: parts of the answer are missing, as the notes and the text say",
        ),
        (
            {"status": "failed", "stop_reason": "tool_calls", "budget": {"tool_calls": 0}, "error": BROKE},
            "not done: the tool calls ran out (0 of 0 made); "
            "go on with more: treehold fork ID --budget-tool-calls N",
        ),
        (
            {"answer": SOME_PARTIAL | {"limit": "depth"}, "budget": {"depth": 1}},
            "partial: agents may not be nested deeper (at most 1 below the root); "
            "run it again with more: --depth",
        ),
        ({"status": "failed", "stop_reason": "error", "error": BROKE}, "not done: it broke"),
        ({"status": "cancelled", "stop_reason": "cancelled"}, "not done: it was cancelled"),
    ],
)
def test_why_a_task_has_no_whole_answer(given: dict[str, Any], said: str | None) -> None:
    ended = task(**given)
    verdict = outcome.verdict(ended)
    assert (verdict and verdict.replace(str(ended.id), "ID")) == said
