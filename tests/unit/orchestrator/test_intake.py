"""What a submission must satisfy before it becomes a task."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from core.errors import AccessDenied, InvalidInput
from core.grant import Budget, Capabilities
from core.ids import DEFAULT_TENANT
from orchestrator.services.intake import Intake
from orchestrator.services.principal import Principal
from orchestrator.services.views import Submission
from orchestrator.turns.tool_runner import ToolRunner
from tools import ToolRegistry


def intake(*, priced: bool = True, private: Path = Path("/nowhere/treehold")) -> Intake:
    return Intake(ToolRunner(ToolRegistry([])), roots=(), private=private, priced=lambda: priced)


@pytest.mark.parametrize("cost", [0, 1_000_000])
async def test_a_limit_on_cost_needs_a_price(cost: int) -> None:
    asked = Submission(goal="Look", budget=Budget(cost=cost))
    with pytest.raises(InvalidInput, match="set TREEHOLD_PRICE_PROMPT and TREEHOLD_PRICE_COMPLETION"):
        await intake(priced=False).check(asked)
    assert (await intake(priced=True).check(asked)).workspace is None


async def test_without_a_limit_on_cost_no_price_is_needed() -> None:
    asked = Submission(goal="Look", budget=Budget(tokens=1_000))
    assert (await intake(priced=False).check(asked)).workspace is None


async def test_no_workspace_holds_the_servers_own_folder_or_lies_in_it(tmp_path: Path) -> None:
    private = tmp_path / "home" / "data"
    inner, beside = private / "postgres", tmp_path / "home" / "notes"
    for folder in (inner, beside):
        folder.mkdir(parents=True)
        (folder / "note.md").write_text("A note.\n")
    (tmp_path / "link").symlink_to(private)
    for folder in (private, inner, tmp_path, tmp_path / "home", tmp_path / "link", Path("/")):
        with pytest.raises(InvalidInput, match="its keys too; name a folder beside it"):
            await intake(private=private).check(Submission(goal="Look", workspace=str(folder)))
    accepted = await intake(private=private).check(Submission(goal="Look", workspace=str(beside)))
    assert accepted.workspace == str(beside)


async def test_the_systems_view_of_itself_is_no_workspace() -> None:
    with pytest.raises(InvalidInput, match="view of itself"):
        await intake().check(Submission(goal="Look", workspace="/proc/self"))


def caller(*teams: str) -> Principal:
    return Principal(
        tenant=DEFAULT_TENANT, key=UUID(int=7), name="ann", scopes=frozenset(), teams=frozenset(teams)
    )


def memory_of(wanted: bool | dict[str, Any], *teams: str) -> tuple[frozenset[str], str | None]:
    asked = Submission.model_validate({"goal": "Look", "memory": wanted})
    granted = intake().capabilities(caller(*teams), asked)
    return granted.memory, granted.memory_write


def test_a_task_has_the_memory_of_its_key_or_less() -> None:
    own, mine = frozenset({"tenant", "team:blue", f"private:{UUID(int=7)}"}), f"private:{UUID(int=7)}"
    assert memory_of(True, "blue") == (own, "tenant")
    assert memory_of(False, "blue") == (frozenset(), None)
    assert memory_of({}, "blue") == (own, "tenant")
    assert memory_of({"read": ["private"], "write": "team:blue"}, "blue") == (frozenset({mine}), "team:blue")
    assert memory_of({"read": [], "write": None}, "blue") == (frozenset(), None)


@pytest.mark.parametrize(
    "wanted", [{"read": ["team:red"]}, {"write": "team:red"}, {"read": [f"private:{UUID(int=8)}"]}]
)
def test_a_task_is_refused_memory_its_key_has_not(wanted: dict[str, Any]) -> None:
    with pytest.raises(AccessDenied, match="it has: private, team:blue, tenant"):
        memory_of(wanted, "blue")


def test_a_child_has_no_more_memory_than_its_parent() -> None:
    parent = Capabilities(memory=frozenset({"tenant", "team:blue"}), memory_write="team:blue")
    child = parent.attenuate(Capabilities(memory=frozenset({"tenant", "private:x"}), memory_write="tenant"))
    assert (child.memory, child.memory_write) == (frozenset({"tenant"}), None)
