"""The documents: words, decisions, links, and commands that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

WORDS = [
    "task", "agent", "turn", "grant", "node", "revision", "stale", "return", "artifact", "episode",
    "insight", "verdict", "quarantine", "lesson", "event", "lease", "fence", "outbox", "relay", "reaper",
]  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_the_glossary_defines(word: str, root: Path) -> None:
    rows = re.findall(
        rf"^\| \*\*{word}\*\* \| (.+) \| (.+) \|$", (root / "docs/glossary.md").read_text(), re.M
    )
    assert len(rows) == 1


def test_the_glossary_names_tables_that_exist(root: Path) -> None:
    named = re.findall(r"tables? `(\w+)`(?:, `(\w+)`)?", (root / "docs/glossary.md").read_text())
    migrations = "".join(path.read_text() for path in (root / "core/database/migrations").glob("*.sql"))
    existing = set(re.findall(r"CREATE TABLE (\w+)", migrations))
    assert {table for pair in named for table in pair if table} <= existing


def test_decisions_are_numbered_and_complete(root: Path) -> None:
    decisions = sorted((root / "docs/adr").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for number, path in enumerate(decisions, start=1):
        text = path.read_text()
        assert text.startswith(f"# {number}. ")
        for part in ("**Status:**", "**Context.**", "**Decision.**", "**Consequences.**"):
            assert part in text, f"{path.name} lacks {part}"


def test_links_between_documents_lead_somewhere(root: Path) -> None:
    for path in [*root.glob("*.md"), *root.glob("docs/**/*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_documents_name_files_that_exist(root: Path) -> None:
    rooms = (
        "agents|api|bench|cli|core|docs|inference|memory|orchestrator|scripts|sdk|tests|tools|viewer|workers"
    )
    for path in [*root.glob("*.md"), *root.glob("docs/**/*.md")]:
        for named in re.findall(rf"`((?:{rooms})/[\w./-]*)`", path.read_text()):
            assert (root / named).exists(), f"{path.name} names {named}"


def test_the_changelog_opens_with_what_is_unreleased(root: Path) -> None:
    headings = re.findall(r"^#+ (.+)$", (root / "CHANGELOG.md").read_text(), re.M)
    assert headings[:2] == ["Changelog", "[Unreleased]"]
    assert set(headings[2:]) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_licence_is_whole(root: Path) -> None:
    text = (root / "LICENSE").read_text()
    assert text.lstrip().startswith("Apache License\n")
    assert text.rstrip().endswith("limitations under the License.")
