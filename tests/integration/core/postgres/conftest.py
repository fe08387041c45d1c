from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.integration.core.postgres.database_folder import DatabaseFolder


@contextmanager
def _database_folder() -> Generator[DatabaseFolder]:
    # Not pytest's own temporary folder, which is closed to the user that root's server runs as.
    base = Path(tempfile.mkdtemp(prefix="treehold-test-"))
    base.chmod(0o755)
    with ExitStack() as cleanup:
        cleanup.callback(shutil.rmtree, base)
        started = ExitStack()
        folder = DatabaseFolder(path=base / "postgres", state_root=base / "state", stack=started)
        cleanup.callback(folder.eventually, folder.stopped)
        cleanup.enter_context(started)
        yield folder


@pytest.fixture
def folder() -> Generator[DatabaseFolder]:
    """A folder that does not exist yet."""
    with _database_folder() as fresh:
        yield fresh


@pytest.fixture(scope="module")
def shared() -> Generator[DatabaseFolder]:
    """One folder for the tests that only look, its server kept running between them."""
    with _database_folder() as kept:
        kept.postgres().start()
        yield kept
