"""What `treehold memory` refuses before it asks any server, and how records look in a terminal."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from cli import exits, memory_tables
from cli.app import invoke
from core.ids import DEFAULT_TENANT
from tests.unit.api.fake_memories import new_episode, new_found, new_lineage, new_receipt
from treehold import Lineage, Receipt, SearchResult


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["forget"], "say one thing to forget"),
        (["forget", "note"], "say one thing to forget"),
        (["forget", "--before", "2026-01-01", "--task", str(DEFAULT_TENANT)], "say one thing to forget"),
        (["forget", "--before", "yesterday"], "write it as 2026-01-31"),
        (["show", "note", "nothing"], "memory search and list print them"),
        (["import", "/nowhere/at-all.jsonl"], "cannot read '/nowhere/at-all.jsonl'"),
        (["add", "x", "--expires", "soon"], "write it as 2026-01-31"),
    ],
)
def test_what_is_plainly_wrong_is_said_at_once(
    arguments: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["memory", *arguments]) == exits.BAD_INPUT
    assert why in capsys.readouterr().err


def shown(what: object) -> str:
    out = StringIO()
    Console(file=out, width=200).print(what)
    return out.getvalue()


def test_what_agents_wrote_is_text_and_nothing_a_terminal_obeys() -> None:
    episode = new_episode(DEFAULT_TENANT, "Read [bold]the plan[/bold]\x1b[31m")
    held = new_found(episode).model_copy(update={"held_back": "instruction_pattern", "title": "", "text": ""})
    result = {"found": [new_found(episode).model_dump()], "held_back": [held.model_dump()]}
    said = shown(memory_tables.found(SearchResult.model_validate(result)))
    assert "Read [bold]the plan[/bold][31m: It has three parts." in said
    assert "\x1b" not in said
    assert "instruction pattern" in said


def test_lineage_and_receipts_name_what_they_are_about() -> None:
    episode = new_episode(DEFAULT_TENANT)
    lineage = Lineage.model_validate(new_lineage(episode).model_dump())
    said = shown(memory_tables.lineage(lineage))
    assert all(str(link.id) in said for link in (*lineage.rests_on, *lineage.bears))
    receipt = Receipt.model_validate(new_receipt(episode, by=DEFAULT_TENANT).model_dump())
    said = shown(memory_tables.receipt(receipt))
    assert "forgotten: 1 episode" in said
    assert str(receipt.shown_to[0]) in said
