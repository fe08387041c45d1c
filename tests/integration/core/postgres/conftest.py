from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.integration.core.postgres.database_folder import DatabaseFolder


@contextmanager
def _place() -> Generator[Path]:
    # Not pytest's own temporary folder, which is closed to the user that root's server runs as.
    place = Path(tempfile.mkdtemp(prefix="treehold-test-"))
    place.chmod(0o755)
    try:
        yield place
    finally:
        shutil.rmtree(place)


@contextmanager
def _database_folder(place: Path) -> Generator[DatabaseFolder]:
    """Ends what was started on the folder, and waits until its server has stopped by itself."""
    with ExitStack() as cleanup:
        started = ExitStack()
        folder = DatabaseFolder(path=place / "postgres", state_root=place / "state", stack=started)
        cleanup.callback(folder.eventually, folder.stopped)
        cleanup.enter_context(started)
        yield folder


@pytest.fixture
def folder() -> Generator[DatabaseFolder]:
    """A folder that does not exist yet."""
    with _place() as place, _database_folder(place) as fresh:
        yield fresh


@pytest.fixture(scope="session")
def used_place() -> Generator[Path]:
    with _place() as place:
        yield place


@pytest.fixture
def used(used_place: Path) -> Generator[DatabaseFolder]:
    """A folder that earlier tests have used, and left stopped."""
    with _database_folder(used_place) as again:
        yield again


@pytest.fixture(scope="module")
def shared() -> Generator[DatabaseFolder]:
    """One folder for the tests that only look, its server kept running between them."""
    with _place() as place, _database_folder(place) as kept:
        kept.postgres().start()
        yield kept
