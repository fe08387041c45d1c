"""A deployment's own tools, found by the name of their module."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from tools.modules import tools_of

MODULE = """
from tools.builtin import Calculate

def tools():
    return [Calculate()]
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path


def test_a_module_gives_its_tools(place: Path) -> None:
    (place / "deployed_tools.py").write_text(MODULE)
    assert [tool.spec.name for tool in tools_of(["deployed_tools"])] == ["calculate"]


def test_a_module_that_is_not_there_or_gives_none_is_named(place: Path) -> None:
    (place / "toolless.py").write_text("")
    for module in ("toolless", "nowhere_to_be_found"):
        with pytest.raises(ConfigurationError, match=module):
            tools_of([module])
