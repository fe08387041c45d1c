"""What a submission must satisfy before it becomes a task."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InvalidInput
from core.grant import Budget
from orchestrator.services.intake import Intake
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
