"""Answers from a stranger's folder: what they say, where they point, what was left out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.cli.conftest import Command
from tests.acceptance.cli.folders import FACTS, Fact, filled
from tools import Workspace

KEYS = {
    "task_id", "status", "stop_reason", "answer", "text", "citations", "notes", "partial", "error", "agents",
    "usage", "model", "steps", "trace_url",
}  # fmt: skip


def assert_exact(citation: dict[str, Any], folder: Path) -> None:
    """The quote starts on the cited line: of the file, or of a PDF's or page's text as it is documented."""
    path = folder / citation["file"]
    if path.suffix in {".pdf", ".html"}:
        lines = Workspace(folder).text(citation["file"]).lines
    else:
        lines = path.read_bytes().decode("utf-8", "replace").splitlines()
    assert citation["quote"] in "\n".join(lines[citation["line"] - 1 :])
    assert citation["quote"].splitlines()[0] in lines[citation["line"] - 1]


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.file)
def test_every_kind_of_file_is_answered_from(ask: Command, tmp_path: Path, fact: Fact) -> None:
    folder = filled(tmp_path / "given", fact)
    finished = ask(fact.question, folder)
    assert finished.status == 0
    assert finished.err == ""
    assert finished.json.keys() == KEYS
    assert fact.told in finished.json["answer"]
    assert finished.json["citations"]
    for citation in finished.json["citations"]:
        assert_exact(citation, folder)


def test_all_kinds_together(ask: Command, tmp_path: Path) -> None:
    folder = filled(tmp_path / "given", *FACTS)
    report = ask("What is known about the lighthouse?", folder).json
    assert {citation["file"] for citation in report["citations"]} >= {"keeper.md", "lamp.rst", "report.pdf"}
    assert len(report["agents"]) >= 6
    assert report["model"]["offline"]
    assert [agent["parent"] for agent in report["agents"]].count(None) == 1
    for citation in report["citations"]:
        assert_exact(citation, folder)


def test_a_question_for_all_there_is_gets_quotes_and_one_for_what_is_not_there_gets_none(
    ask: Command, tmp_path: Path
) -> None:
    folder = filled(tmp_path / "given", *FACTS[:4])
    assert ask("Summarise these files", folder).json["citations"]
    finished = ask("Quels trains partent demain?", folder)
    assert (finished.status, finished.err.count("\n")) == (3, 1)
    assert finished.err.startswith("treehold: partial: ")
    nothing = finished.json
    assert (nothing["citations"], nothing["partial"]) == ([], True)
    assert "near the question" in nothing["answer"]


def test_what_is_left_out_is_said_and_nothing_outside_is_read(ask: Command, tmp_path: Path) -> None:
    folder = filled(tmp_path / "given", FACTS[0])
    outside = filled(tmp_path / "outside", Fact(file="secret.md", content=b"CANARY", question="", told=""))
    (outside / "secret.md").write_text("The lighthouse keeper is called CANARY.\n")
    (folder / "link.md").symlink_to(outside / "secret.md")
    (folder / "up").symlink_to("..")
    (folder / "loop").symlink_to("loop")
    (folder / "photo.jpg").write_bytes(bytes(range(256)) * 8)
    (folder / ".hidden").write_text("The lighthouse keeper is called CANARY.\n")
    (folder / "latin.txt").write_bytes("Der Wärter im Leuchtturm (lighthouse keeper).\n".encode("latin-1"))
    (folder / "broken.pdf").write_bytes(b"%PDF-1.4\nThis is no PDF.\n")
    os.truncate(os.open(folder / "huge.log", os.O_CREAT | os.O_WRONLY), 200_000_000)
    finished = ask("What is the lighthouse keeper called?", folder)
    assert finished.status == 0
    assert "Mor Finch" in finished.json["answer"]
    assert "CANARY" not in finished.out + finished.err
    notes = "\n".join(finished.json["notes"])
    for said in ("1 binary", "1 too large", "1 hidden", "2 a link that leads outside", "1 a link in a loop"):
        assert said in notes
    assert "latin.txt: not UTF-8: read as cp1252" in notes
    assert '"broken.pdf": this PDF is damaged' in notes


def test_ten_thousand_files(ask: Command, tmp_path: Path) -> None:
    folder = filled(tmp_path / "given", FACTS[0])
    for number in range(9_999):
        part = folder / f"part{number % 20}"
        part.mkdir(exist_ok=True)
        (part / f"{number}.txt").write_text(f"Entry {number}: all is quiet at sea.\n")
    finished = ask("What is the lighthouse keeper called?", folder)
    assert finished.status == 0
    assert "Mor Finch" in finished.json["answer"]
    assert "looked at the 40 of 10,000 files nearest to the goal" in finished.json["notes"]
