"""The cluster on disk: made once, whole or not at all, and only used by its own major version."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigurationError, StorageError
from core.postgres.account import ENVIRONMENT, Account
from core.postgres.binaries import MAJOR, Binaries
from core.postgres.files import open_private, read_private, write_private
from core.postgres.options import INITDB
from core.postgres.placement import CHOOSE, DRAFT_PREFIX, Placement


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A cluster that is ready to be served, and all that is needed to serve it."""

    data: Path
    account: Account
    binaries: Binaries


def ensure_cluster(placement: Placement, cluster: Cluster, *, held: int, deadline: float) -> None:
    """Make the cluster if there is none; call it holding the transition lock.

    Args:
        placement: the folder that was asked for.
        cluster: what and where to make.
        held: the transition lock's descriptor. initdb holds it too, so that nobody else begins before it
            ended, should this process be killed.
        deadline: on the monotonic clock.

    Raises:
        ConfigurationError: another major version's cluster, no cluster at all, or a lost password.
        StorageError: initdb failed.
    """
    for draft in cluster.data.parent.glob(f"{DRAFT_PREFIX}*"):
        shutil.rmtree(draft, ignore_errors=True)
    found = _found_version(cluster.data)
    if found is None:
        _create(placement, cluster, held=held, deadline=deadline)
    elif found != str(MAJOR):
        raise ConfigurationError(
            f"{cluster.data} holds a Postgres {found} cluster, and this Treehold runs Postgres {MAJOR}: "
            f"dump it with Postgres {found}'s pg_dumpall and load it into a new folder, or {CHOOSE}"
        )
    elif read_private(placement.password) is None:
        raise ConfigurationError(
            f"{placement.password} is missing, and without it nobody can enter the cluster at "
            f"{cluster.data}: restore the file, or {CHOOSE}"
        )


def _found_version(data: Path) -> str | None:
    try:
        return (data / "PG_VERSION").read_text()[:16].strip()
    except FileNotFoundError:
        pass
    if data.exists() and any(data.iterdir()):
        raise ConfigurationError(
            f"{data} is not empty and is not a Postgres cluster (it has no PG_VERSION): "
            f"move it away, or {CHOOSE}"
        )
    return None


def _create(placement: Placement, cluster: Cluster, *, held: int, deadline: float) -> None:
    password = read_private(placement.password)
    if password is None:
        password = secrets.token_urlsafe(32)
        write_private(placement.password, password)
    draft = Path(tempfile.mkdtemp(prefix=DRAFT_PREFIX, dir=cluster.data.parent))
    try:
        _initdb(cluster, draft, password, held=held, deadline=deadline)
        (draft / "data").replace(cluster.data)
        _sync_folder(cluster.data.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _initdb(cluster: Cluster, draft: Path, password: str, *, held: int, deadline: float) -> None:
    account = cluster.account
    secret = draft / "password"
    with os.fdopen(open_private(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w") as file:
        file.write(password)
        if account.dropped:
            os.fchown(file.fileno(), account.uid, account.gid)
    if account.dropped:
        os.chown(draft, account.uid, account.gid, follow_symlinks=False)
    command = (
        cluster.binaries.program("initdb"),
        f"--pgdata={draft / 'data'}",
        f"--pwfile={secret}",
        *INITDB,
    )
    try:
        outcome = subprocess.run(  # noqa: S603 - the wheel's own program
            command,
            cwd="/",
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(held,),
            timeout=max(1.0, deadline - time.monotonic()),
            check=False,
            **account.popen_options(),
        )
    except subprocess.TimeoutExpired as error:
        raise StorageError(
            f"initdb at {cluster.data} took longer than {error.timeout:.0f} s; try again"
        ) from error
    if outcome.returncode != 0:
        raise StorageError(
            f"initdb could not make a cluster at {cluster.data}: "
            f"{outcome.stdout.decode(errors='replace').strip()[-800:]}"
        )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
