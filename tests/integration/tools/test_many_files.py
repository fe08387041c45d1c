"""Ten thousand files can be listed, searched and ranked."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.grant import Capabilities
from tools import MeaningSearch, TaintCheck, ToolBroker, ToolContext, ToolRegistry, Workspace
from tools.builtin import builtin_tools, search_files

FILES = 10_000


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("crowd")
    for index in range(FILES):
        folder = root / f"d{index // 100}"
        folder.mkdir(exist_ok=True)
        (folder / f"f{index}.md").write_text(
            f"# Note {index}\n\n" + "Some words about budgets and plans.\n" * 8
        )
    return root


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("list_files", {}, "10,000 files"),
        ("search_files", {"pattern": r"note 77\d\d\b"}, "100 matching lines in"),
        ("search_files", {"pattern": r"(plan|budget)\w* (of|for)"}, "0 matching lines in 10,000 files"),
        ("search_meaning", {"query": "what is in note 4242?"}, "from 10,000 files"),
    ],
)
async def test_ten_thousand_files(
    crowd: Path, name: str, arguments: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_files, "MOST_SECONDS", 150.0)  # however busy the machine is
    broker = ToolBroker(ToolRegistry(builtin_tools(MeaningSearch(None))))
    granted = Capabilities(tools=frozenset({name}))
    prepared = broker.prepare(
        name, {**arguments, "limit": 500 if name == "search_files" else 6}, granted, TaintCheck()
    )
    result = await broker.run(prepared, ToolContext(capabilities=granted, workspace=Workspace(crowd)))
    assert said in result.content


def test_one_more_than_the_cap_is_said(crowd: Path) -> None:
    extra = crowd / "zz.md"
    extra.write_text("one more")
    inventory = Workspace(crowd).inventory()
    extra.unlink()
    assert (len(inventory.files), inventory.truncated) == (FILES, True)
