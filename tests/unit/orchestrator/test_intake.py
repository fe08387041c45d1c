"""What a submission must satisfy before it becomes a task."""

from __future__ import annotations

import pytest

from core.errors import InvalidInput
from core.grant import Budget
from orchestrator.intake import Intake
from orchestrator.tool_runner import ToolRunner
from orchestrator.views import Submission
from tools import ToolRegistry


def intake(*, priced: bool) -> Intake:
    return Intake(ToolRunner(ToolRegistry([])), roots=(), priced=lambda: priced)


@pytest.mark.parametrize("cost", [0, 1_000_000])
async def test_a_limit_on_cost_needs_a_price(cost: int) -> None:
    asked = Submission(goal="Look", budget=Budget(cost=cost))
    with pytest.raises(InvalidInput, match="set TREEHOLD_PRICE_PROMPT and TREEHOLD_PRICE_COMPLETION"):
        await intake(priced=False).check(asked)
    assert (await intake(priced=True).check(asked)).workspace is None


async def test_without_a_limit_on_cost_no_price_is_needed() -> None:
    asked = Submission(goal="Look", budget=Budget(tokens=1_000))
    assert (await intake(priced=False).check(asked)).workspace is None
