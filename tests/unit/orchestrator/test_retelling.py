"""Who said what because of what, as the journal has it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from memory.insight_graph.model import MAX_UTTERANCES
from orchestrator.engine.retelling import told

ROOT, READER, NESTED, LEAF = (UUID(int=number) for number in range(1, 5))


def agent(one: UUID, parent: UUID | None, role: str = "worker", **more: Any) -> dict[str, Any]:
    title = f"agent {one.int}"
    return {
        "id": one,
        "parent": parent,
        "role": role,
        "title": title,
        "question": "what?",
        "state": "done",
        "returned": {"status": "found"},
        "error": None,
        **more,
    }


def call(one: UUID, name: str, **arguments: str) -> dict[str, Any]:
    return {"agent": one, "name": name, "arguments": json.dumps(arguments)}


def test_every_utterance_names_its_causes() -> None:
    agents = [
        agent(ROOT, None, "lead", returned=None),
        agent(READER, ROOT),
        agent(NESTED, ROOT, "lead"),
        agent(LEAF, NESTED, returned=None, state="failed", error="tool_failed"),
    ]
    calls = [call(READER, "read_file", path="a.md"), call(READER, "search_files", path="docs", query="x")]
    said = told("How many?", agents, calls, {"text": "Three."})
    plan = "1. agent 2\n2. agent 3"
    assert [(one.kind, one.content, one.causes) for one in said] == [
        ("goal", "How many?", ()),
        ("plan", plan, (0,)),
        ("brief", "agent 2: what?", (1,)),
        ("brief", "agent 3: what?", (1,)),
        ("plan", "1. agent 4", (3,)),
        ("brief", "agent 4: what?", (4,)),
        ("call", "read_file a.md", (2,)),
        ("call", "search_files docs", (6,)),
        ("return", "nothing: tool_failed", (5,)),
        ("return", '{"status": "found"}', (4, 8)),
        ("return", '{"status": "found"}', (7,)),
        ("answer", "Three.", (1, 9, 10)),
    ]


def test_a_long_task_keeps_its_end() -> None:
    calls = [call(READER, "read_file", path=f"{number}.md") for number in range(500)]
    said = told("How many?", [agent(ROOT, None, "lead"), agent(READER, ROOT)], calls, {"text": "Three."})
    assert len(said) == MAX_UTTERANCES
    assert [one.kind for one in said[-2:]] == ["return", "answer"]


def test_a_task_without_an_answer_says_so() -> None:
    said = told("How many?", [agent(ROOT, None, "lead", state="failed", error="deadline")], [], None)
    assert (said[-1].kind, said[-1].content) == ("answer", "no answer: deadline")
