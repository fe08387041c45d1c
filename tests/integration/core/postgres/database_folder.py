"""A database folder under test: everything started on it, and patience with a deadline."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg

from core.postgres import EmbeddedPostgres, PostgresAddress
from core.postgres.placement import Placement
from core.postgres.server import Runtime, read_runtime

ROOT = Path(__file__).parents[4]
USER_PROCESS = Path(__file__).with_name("user_process.py")


@dataclass(frozen=True, kw_only=True)
class DatabaseFolder:
    """The folder asked for, and the place for what cannot live in it; `stack` ends what was started."""

    path: Path
    state_root: Path
    stack: ExitStack

    @property
    def placement(self) -> Placement:
        return Placement(folder=self.path)

    def postgres(self, *, tied: bool = True, timeout: float = 30) -> EmbeddedPostgres:
        server = EmbeddedPostgres(
            self.path, grace=0.1, tied=tied, timeout=timeout, state_root=self.state_root
        )
        self.stack.callback(server.release)
        return server

    def user(
        self, *, uid: int | None = None, python: Path | None = None, environment: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """A process that starts the server and then holds it."""
        process = subprocess.Popen(
            [python or sys.executable, USER_PROCESS, self.path, self.state_root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env={**os.environ, **(environment or {"PYTHONPATH": str(ROOT)})},
            user=uid,
            group=uid,
            extra_groups=None if uid is None else (),
        )
        self.stack.enter_context(process)
        self.stack.callback(process.kill)
        return process

    def runtime(self) -> Runtime:
        runtime = read_runtime(self.placement)
        assert runtime is not None
        return runtime

    def stopped(self) -> bool:
        return read_runtime(self.placement) is None

    def eventually(self, condition: Callable[[], bool], seconds: float = 20) -> None:
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, self.placement.log.read_text()
            time.sleep(0.01)


def address_from(process: subprocess.Popen[str]) -> PostgresAddress:
    """Where the user process says the server is; waits for it."""
    assert process.stdout is not None
    return PostgresAddress(**json.loads(process.stdout.readline()))


def fetch(address: PostgresAddress, query: bytes) -> object:
    """The first value of the first row; a statement without rows gives None."""
    with psycopg.connect(address.conninfo(), autocommit=True) as connection:
        cursor = connection.execute(query)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def remember(address: PostgresAddress) -> str:
    """Store something new; returns what `remembers` will ask for."""
    fetch(address, b"CREATE TABLE IF NOT EXISTS kept (token text)")
    return str(fetch(address, b"INSERT INTO kept VALUES (gen_random_uuid()) RETURNING token"))


def remembers(address: PostgresAddress, token: str) -> bool:
    return fetch(address, b"SELECT count(*) FROM kept WHERE token = '" + token.encode() + b"'") == 1


def refuses(address: PostgresAddress) -> bool:
    try:
        psycopg.connect(address.conninfo()).close()
    except psycopg.OperationalError:
        return True
    return False


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended and waits for its parent to notice does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
