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


def test_what_mattered_to_a_task_like_this_one_is_enough() -> None:
    assert read([]) == ["f1", "f2", "f3"]
    assert read([episode("key step: search_meaning backups.md")]) == ["f1"]
    assert read([{"kind": "note", "title": "note", "lines": ["Look into oncall.md"]}]) == ["f1", "f2"]


def test_a_file_nearer_to_the_question_stays() -> None:
    assert read([episode("key step: read_file incidents.md")]) == ["f1", "f2", "f3"]


def test_nothing_is_left_out_for_a_task_that_failed_or_names_no_file() -> None:
    assert read([episode("key step: read_file backups.md", outcome="failed")]) == ["f1", "f2", "f3"]
    assert read([episode("step: Read backups.md (done)")]) == ["f1", "f2", "f3"]
