"""Which operating-system user the server runs as: never root."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from core.errors import ConfigurationError

UNPRIVILEGED = ("postgres", "nobody")

ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
"""For the server's programs: nothing of the caller's `PG*` variables or locale reaches them."""


class ProcessOptions(TypedDict, total=False):
    start_new_session: bool
    user: int
    group: int
    extra_groups: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Account:
    """A user of this machine; `dropped` where this process must give up root to become it."""

    name: str
    uid: int
    gid: int
    dropped: bool

    def popen_options(self) -> ProcessOptions:
        """What `subprocess` needs to run a program as this user, out of reach of the terminal's Ctrl-C."""
        if not self.dropped:
            return ProcessOptions(start_new_session=True)
        return ProcessOptions(start_new_session=True, user=self.uid, group=self.gid, extra_groups=())

    def can_run(self, *command: str | Path) -> bool:
        """Whether the program starts and succeeds as this user: the kernel's own answer, ACLs included."""
        try:
            outcome = subprocess.run(  # noqa: S603 - our own fixed commands
                command, cwd="/", env=ENVIRONMENT, capture_output=True, check=False, **self.popen_options()
            )
        except PermissionError:
            return False
        return outcome.returncode == 0

    def can_enter(self, folder: Path) -> bool:
        return not self.dropped or self.can_run("/bin/sh", "-c", 'cd "$0"', folder)


def _account(uid: int, gid: int, *, dropped: bool) -> Account:
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return Account(name=name, uid=uid, gid=gid, dropped=dropped)


def server_account(data: Path, folder: Path) -> Account:
    """The user to run the server as: ourselves, or as root whoever owns the cluster or the folder.

    Args:
        data: the cluster, where there is one already: a server can only run as its owner.
        folder: the folder that was asked for; it exists.

    Raises:
        ConfigurationError: the cluster belongs to another user, or to root.
    """
    owner = data.stat() if data.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner.st_uid != os.geteuid():
            raise ConfigurationError(
                f"{data} belongs to user {_account(owner.st_uid, owner.st_gid, dropped=False).name}: "
                "run as that user, or choose another folder with TREEHOLD_DATA_DIR"
            )
        return _account(os.geteuid(), os.getegid(), dropped=False)
    if owner is not None:
        if owner.st_uid == 0:
            raise ConfigurationError(
                f"{data} belongs to root, and Postgres refuses to run as root: give it to another user "
                "(chown -R), or choose another folder with TREEHOLD_DATA_DIR"
            )
        return _account(owner.st_uid, owner.st_gid, dropped=True)
    asked = folder.stat()
    if asked.st_uid != 0:
        return _account(asked.st_uid, asked.st_gid, dropped=True)
    return _unprivileged()


def _unprivileged() -> Account:
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return _account(entry.pw_uid, entry.pw_gid, dropped=True)
    raise ConfigurationError(
        "Postgres refuses to run as root, and there is no user 'postgres' or 'nobody' to run it as: "
        "create one, or run as an ordinary user"
    )
