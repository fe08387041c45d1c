"""A folder that the server's user can reach, user processes, and patience with a deadline."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import pytest

from core.postgres import EmbeddedPostgres, PostgresAddress
from core.postgres.placement import Placement
from core.postgres.server import Runtime, read_runtime

ROOT = Path(__file__).parents[4]
USER_PROCESS = Path(__file__).with_name("user_process.py")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One database folder under test, with everything that may be started on it."""

    folder: Path
    state_root: Path
    _stack: ExitStack

    def postgres(self, *, grace: float = 0.1, tied: bool = True, timeout: float = 30) -> EmbeddedPostgres:
        server = EmbeddedPostgres(
            self.folder, grace=grace, tied=tied, timeout=timeout, state_root=self.state_root
        )
        self._stack.callback(server.release)
        return server

    def user(self) -> subprocess.Popen[str]:
        """A process that starts the server and then holds it."""
        process = subprocess.Popen(
            [sys.executable, USER_PROCESS, self.folder, self.state_root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._stack.enter_context(process)
        self._stack.callback(process.kill)
        return process

    def runtime(self) -> Runtime:
        runtime = read_runtime(Placement(folder=self.folder))
        assert runtime is not None
        return runtime

    def stopped(self) -> bool:
        return read_runtime(Placement(folder=self.folder)) is None

    def eventually(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, (self.folder / "postgres.log").read_text()
            time.sleep(0.01)


def address_from(process: subprocess.Popen[str]) -> PostgresAddress:
    assert process.stdout is not None
    return PostgresAddress(**json.loads(process.stdout.readline()))


def fetch(address: PostgresAddress, query: bytes) -> object:
    """The first value of the first row; a statement without rows gives None."""
    with psycopg.connect(address.conninfo(), autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def refused(address: PostgresAddress) -> bool:
    try:
        psycopg.connect(address.conninfo()).close()
    except psycopg.OperationalError:
        return True
    return False


@pytest.fixture
def bench() -> Generator[Bench]:
    # pytest's own temporary folders are closed to the user that root's server runs as.
    base = Path(tempfile.mkdtemp(prefix="treehold-test-"))
    base.chmod(0o755)
    with ExitStack() as stack:
        stack.callback(partial(shutil.rmtree, base))
        made = Bench(folder=base / "postgres", state_root=base / "state", _stack=ExitStack())
        stack.callback(lambda: made.eventually(made.stopped) if made.folder.is_dir() else None)
        stack.enter_context(made._stack)
        yield made
