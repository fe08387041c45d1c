"""From the user's side of the keeper: start one, wait until its server answers, look at it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psycopg
from psycopg import sql
from pydantic import BaseModel, ConfigDict, ValidationError

from core.errors import ConfigurationError, StorageError
from core.postgres.account import ENVIRONMENT
from core.postgres.address import DATABASE, SUPERUSER, PostgresAddress
from core.postgres.cluster import Cluster
from core.postgres.files import POLL_SECONDS, open_lock, open_private, read_private, try_lock
from core.postgres.options import HOST, SETTINGS
from core.postgres.placement import Placement

KEEPER = Path(__file__).with_name("keeper.py")
KEPT_FROM_CALLER = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")


class Runtime(BaseModel):
    """What the keeper wrote about the server it started last; only connecting proves that it lives."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str
    port: int
    postmaster_pid: int
    keeper_pid: int


def read_runtime(placement: Placement) -> Runtime | None:
    text = read_private(placement.runtime)
    try:
        return None if text is None else Runtime.model_validate_json(text)
    except ValidationError:
        return None


def claim_keeper(placement: Placement) -> int | None:
    """The keeper's lock, for a new keeper to inherit; None where a keeper lives."""
    descriptor = open_lock(placement.keeper)
    if try_lock(descriptor, fcntl.LOCK_EX):
        return descriptor
    os.close(descriptor)
    return None


def start_keeper(placement: Placement, cluster: Cluster, lock: int, *, grace: float, tied: bool) -> None:
    """Start a keeper, detached from this process and its terminal; it inherits and keeps `lock`.

    Raises:
        StorageError: the interpreter could not run it.
    """
    last = read_runtime(placement)
    # An earlier server's note: nobody may take what listens there now for ours.
    placement.runtime.unlink(missing_ok=True)
    plan = {
        "lock": str(lock),
        "host": HOST,
        "port": str(last.port if last else 0),
        "postgres": str(cluster.binaries.program("postgres")),
        "data": str(cluster.data),
        "name": "treehold-" + hashlib.sha256(os.fsencode(cluster.data)).hexdigest()[:12],
        "uid": str(cluster.account.uid) if cluster.account.dropped else "",
        "gid": str(cluster.account.gid) if cluster.account.dropped else "",
        "grace": str(grace),
        "tied": "yes" if tied else "",
        "settings": json.dumps(dict(SETTINGS)),
    }
    kept = {name: os.environ[name] for name in KEPT_FROM_CALLER if name in os.environ}
    log = open_private(placement.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        outcome = subprocess.run(  # noqa: S603 - our own script
            [sys.executable, "-I", "-S", "-E", str(KEEPER), str(placement.folder)],
            input=json.dumps(plan).encode(),
            stdout=log,
            stderr=log,
            cwd="/",
            env={**ENVIRONMENT, **kept},
            pass_fds=(lock,),
            start_new_session=True,
            check=False,
        )
    finally:
        os.close(log)
    if outcome.returncode != 0:
        raise StorageError(f"the process that keeps Postgres could not start: {log_tail(placement)}")


def log_tail(placement: Placement) -> str:
    """The log's last lines, for a message, with the place of the rest."""
    lines = (read_private(placement.log) or "").splitlines()[-4:]
    return f"{' / '.join(lines)} (all of it in {placement.log})"


def address_of(placement: Placement, runtime: Runtime) -> PostgresAddress:
    return PostgresAddress(
        host=runtime.host,
        port=runtime.port,
        user=SUPERUSER,
        password=read_private(placement.password) or "",
        database=DATABASE,
    )


def await_answer(placement: Placement, *, deadline: float) -> PostgresAddress | None:
    """Wait until the server of the living keeper answers, with Treehold's database in it.

    Returns:
        Where it answers; None where the keeper ended meanwhile.

    Raises:
        ConfigurationError: the password in the folder is not this server's.
        StorageError: no answer before `deadline` (on the monotonic clock).
    """
    reason = "it has not said where it listens"
    while True:
        runtime = read_runtime(placement)
        if runtime is not None:
            address = address_of(placement, runtime)
            reason = refusal(address)
            if not reason:
                return address
            if "password authentication failed" in reason:
                raise ConfigurationError(
                    f"{placement.password} is not the password of the cluster at {placement.data()}: "
                    "restore the file, or choose another folder with TREEHOLD_DATA_DIR"
                )
        lock = claim_keeper(placement)
        if lock is not None:
            os.close(lock)
            return None
        if time.monotonic() >= deadline:
            raise StorageError(f"Postgres does not answer yet ({reason}); try again. {log_tail(placement)}")
        time.sleep(POLL_SECONDS)


def refusal(address: PostgresAddress) -> str:
    """Why the server does not serve us, or an empty text; makes Treehold's database where it is missing."""
    try:
        with psycopg.connect(
            replace(address, database="postgres").conninfo(), autocommit=True, connect_timeout=5
        ) as connection:
            if not connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", (address.database,)
            ).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(address.database)))
    except psycopg.Error as error:
        return " ".join(str(error).split())
    return ""
