from __future__ import annotations

import sys
from types import ModuleType

import pytest

from core.errors import ConfigurationError
from orchestrator.engine.evaluating import evaluator_of


def test_a_module_with_a_score_is_the_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    async def score(_: object) -> float:
        return 0.5

    judge = ModuleType("deployed_judge")
    judge.__dict__["score"] = score
    monkeypatch.setitem(sys.modules, "deployed_judge", judge)
    assert evaluator_of("deployed_judge") is judge
    assert evaluator_of(None) is None


@pytest.mark.parametrize("module", ["no_such_judge", "json"])
def test_any_other_module_is_a_configuration_error(module: str) -> None:
    with pytest.raises(ConfigurationError, match="TREEHOLD_MEMORY_EVALUATOR"):
        evaluator_of(module)
