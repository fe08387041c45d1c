"""One server and one scripted node for all of these tests; each test has tasks of its own on them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.acceptance.models.cases import CASES
from tests.acceptance.models.site import Outcome, Site, running_site

TEXTS = {
    "alpha.md": (
        "# Backups\n\n"
        "Backups are kept for thirty days on the second machine.\n"
        "Restoring a backup takes one command and about ten minutes.\n"
    ),
    "beta.md": (
        "# Nightly work\n\n"
        "The backups are made at night and kept away from the first machine.\n"
        "A backup that cannot be restored is kept apart and reported.\n"
    ),
    "gamma.md": (
        "# Rules\n\nHow backups are kept is checked once a month.\nWho restored a backup is written down.\n"
    ),
}


@pytest.fixture(scope="session")
def folder() -> Iterator[Path]:
    """In a place that the database's own user can reach when the tests run as root."""
    with TemporaryDirectory(prefix="treehold-models-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="session")
def workspace(folder: Path) -> Path:
    texts = folder / "texts"
    texts.mkdir()
    for name, content in TEXTS.items():
        (texts / name).write_text(content)
    return texts


@pytest.fixture(scope="session")
async def site(folder: Path) -> AsyncIterator[Site]:
    async with running_site(folder) as running:
        yield running


@pytest.fixture(scope="session")
async def outcomes(site: Site, workspace: Path) -> AsyncIterator[dict[str, asyncio.Task[Outcome]]]:
    """Every case of misbehaviour, begun together; a test waits for its own."""
    for case in CASES:
        site.model.faults += case.faults()
    running = {
        case.name: asyncio.create_task(site.run(case.goal, workspace=workspace, budget=case.budget))
        for case in CASES
    }
    yield running
    for task in running.values():
        task.cancel()
    await asyncio.gather(*running.values(), return_exceptions=True)
