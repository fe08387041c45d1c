"""The playing model reads prompts and nothing else, and is as strict as real nodes are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bench.support.replies import Answer, HttpError, text
from bench.support.small_model import Fault, SmallModel
from bench.support.templates import objection
from core.blocks import block
from core.provenance import Trust

CALL = {"id": "a", "type": "function", "function": {"name": "search_meaning", "arguments": "{}"}}
GOAL = block("goal", "Where are backups?", Trust.USER)
FILES = block("inputs", [{"path": "b.md", "kind": "text", "bytes": 9}], Trust.UNTRUSTED)
QUESTION = block("question", "Where are backups?", Trust.UNTRUSTED)
OPENING = {"role": "user", "content": f"{GOAL}\n{QUESTION}\n{FILES}"}
SYSTEM = {"role": "system", "content": "You are a worker."}


def request(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [SYSTEM, OPENING, *messages], "max_tokens": 100}


def told(result: str) -> dict[str, Any]:
    return request(
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "a", "content": result},
    )


def test_it_searches_and_then_quotes_what_it_was_shown() -> None:
    model = SmallModel()
    first = model(request())
    assert isinstance(first, Answer)
    assert [use.name for use in first.tool_calls] == ["search_meaning"]
    second = model(told("b.md:7-7 (score 0.9)\n7\tThe backups are in the cellar."))
    assert isinstance(second, Answer)
    (found,) = json.loads(second.content or "")["findings"]
    assert (found["file"], found["line"], found["quote"]) == ("b.md", 7, "The backups are in the cellar.")


def test_a_fault_hits_its_task_moment_and_file_so_many_times() -> None:
    fault = Fault(task="backups", at={"act"}, file="b.md", reply=text("no"), times=1)
    other = Fault(task="another task", at={"act"}, reply=text("never"))
    model = SmallModel(faults=[other, fault])
    assert model(request()) == text("no")
    again = model(request())
    assert isinstance(again, Answer)
    assert again.tool_calls
    assert (fault.happened, other.happened) == (1, 0)


def test_it_refuses_what_its_node_cannot_do() -> None:
    refused = SmallModel(modes=frozenset())(request() | {"response_format": {}})
    assert isinstance(refused, HttpError)
    assert refused.status == 400


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([OPENING], "must alternate"),
        ([SYSTEM], "must be the first"),
        ([{"role": "assistant", "tool_calls": [CALL]}, OPENING], "must have its result"),
        ([{"role": "tool", "tool_call_id": "a", "content": ""}], "must follow its call"),
    ],
)
def test_templates_object(messages: list[dict[str, Any]], why: str) -> None:
    assert why in (objection(request(*messages), context_tokens=1000) or "")


def test_templates_object_to_long_prompts_and_broken_arguments() -> None:
    broken = {**CALL, "function": {"name": "search_meaning", "arguments": "{"}}
    past = [
        {"role": "assistant", "tool_calls": [broken]},
        {"role": "tool", "tool_call_id": "a", "content": ""},
    ]
    assert "not JSON" in (objection(request(*past), context_tokens=1000) or "")
    assert "maximum context length" in (objection(request(), context_tokens=150) or "")
    assert objection(told("fine"), context_tokens=1000) is None
