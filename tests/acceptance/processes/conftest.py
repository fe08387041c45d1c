"""A data folder of its own for each test, a scripted node, and texts to work on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from bench.support.scripted_node import ScriptedNode
from bench.support.small_model import SmallModel
from tests.acceptance.processes.folder import MODEL, Folder, until

QUICK = {
    "TREEHOLD_LEASE_SECONDS": "1",
    "TREEHOLD_SWEEP_SECONDS": "0.2",
    "TREEHOLD_REPUBLISH_SECONDS": "1",
}
TEXTS = {
    "alpha.md": "# Backups\n\nBackups are kept for thirty days on the second machine.\n",
    "beta.md": "# Nightly work\n\nThe backups are made at night, and kept away from the first machine.\n",
    "gamma.md": "# Rules\n\nHow backups are kept is checked once a month.\n",
}


@pytest.fixture
def model() -> SmallModel:
    return SmallModel()


@pytest.fixture
async def node(model: SmallModel) -> AsyncIterator[ScriptedNode]:
    """Slow enough that there is a middle."""
    async with ScriptedNode(model, models=[MODEL], latency=0.1) as running:
        yield running


@pytest.fixture
def place() -> Iterator[Path]:
    """Where the database's own user can reach it when the tests run as root."""
    with TemporaryDirectory(prefix="treehold-processes-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def texts(place: Path) -> Path:
    folder = place / "texts"
    folder.mkdir()
    for name, content in TEXTS.items():
        (folder / name).write_text(content)
    return folder


@pytest.fixture
async def folder(place: Path) -> AsyncIterator[Folder]:
    """Processes on it use the offline model, and find soon what was lost."""
    opened = Folder(place=place, settings=QUICK)
    yield opened
    await opened.end()
    await until(lambda: not opened.postgres_runs(), "the end of Postgres")


@pytest.fixture
def modelled(folder: Folder, node: ScriptedNode) -> Folder:
    """Processes on it ask the node."""
    settings = {
        "TREEHOLD_MODEL": MODEL,
        "TREEHOLD_BASE_URL": node.base_url,
        "TREEHOLD_API_KEY": "sk-none",
        "TREEHOLD_MEMORY_LEARNING_TOKENS": "0",
    }
    folder.settings = {**folder.settings, **settings}
    return folder
