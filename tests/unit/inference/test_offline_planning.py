"""The offline model's plan, with what memory gives."""

from __future__ import annotations

from typing import Any

from inference.offline.planning import plan

SCHEMA = {"properties": {"subtasks": {"maxItems": 8, "items": {"properties": {"split": {"const": False}}}}}}
FILES = [
    {"ref": "f1", "path": "backups.md", "score": 0.9},
    {"ref": "f2", "path": "oncall.md", "score": 0.6},
    {"ref": "f3", "path": "incidents.md", "score": 0.5},
]


def read(recalled: list[dict[str, Any]]) -> list[str]:
    """The files that a plan looks into."""
    blocks: dict[str, Any] = {"question": "How long are dumps kept?", "inputs": FILES, "recalled": recalled}
    found: Any = plan(blocks, SCHEMA)
    return [ref for subtask in found["subtasks"] for ref in subtask["inputs"]]


def episode(*lines: str, outcome: str = "done") -> dict[str, Any]:
    return {"kind": "episode", "title": "How long?", "lines": [f"outcome: {outcome}", *lines]}


def note(text: str) -> dict[str, Any]:
    return {"kind": "note", "title": "note", "lines": [text]}


def test_what_a_note_names_is_enough() -> None:
    assert read([]) == ["f1", "f2", "f3"]
    assert read([note("Look into backups.md")]) == ["f1"]


def test_a_file_nearer_to_the_question_stays() -> None:
    assert read([note("Look into oncall.md")]) == ["f1", "f2"]
    assert read([note("Look into incidents.md")]) == ["f1", "f2", "f3"]


def test_an_earlier_task_leaves_no_file_out() -> None:
    """It may have been asked for something else of them."""
    assert read([episode("key step: read_file backups.md")]) == ["f1", "f2", "f3"]
