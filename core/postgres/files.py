"""Private files and kernel locks.

Locks are flocks: the kernel drops them when their last holder ends, also at kill -9. A lock belongs to an
open file, so it is given up by closing, never by unlocking: a fork that still has the file keeps the lock.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from core.errors import StorageError

POLL_SECONDS = 0.01


def give_to_folder_owner(descriptor: int, folder: Path) -> None:
    """What root makes in somebody else's folder becomes theirs, so that they can use it without root."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def open_private(path: Path, flags: int) -> int:
    """Open without following a link, created with mode 0600; the caller closes the descriptor."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    if flags & os.O_CREAT:
        give_to_folder_owner(descriptor, path.parent)
    return descriptor


def write_private(path: Path, text: str) -> None:
    """Write the whole file or none of it, readable by its owner only."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(open_private(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def read_private(path: Path) -> str | None:
    """The file's text, or None where there is no such file."""
    try:
        descriptor = open_private(path, os.O_RDONLY)
    except FileNotFoundError:
        return None
    with os.fdopen(descriptor) as file:
        return file.read()


def open_lock(path: Path) -> int:
    return open_private(path, os.O_RDWR | os.O_CREAT)


def try_lock(descriptor: int, mode: int) -> bool:
    """Take the lock now or not at all; `mode` is `fcntl.LOCK_SH` or `fcntl.LOCK_EX`."""
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock(descriptor: int, mode: int, *, deadline: float, what: str) -> None:
    """Take the lock before `deadline` (on the monotonic clock).

    Raises:
        StorageError: somebody else kept it; `what` names the lock in the message.
    """
    while not try_lock(descriptor, mode):
        if time.monotonic() >= deadline:
            raise StorageError(f"{what} is still held by another process; wait for it to finish and retry")
        time.sleep(POLL_SECONDS)


@contextmanager
def locked(path: Path, *, deadline: float) -> Generator[int]:
    """Hold the file's exclusive lock; yields its descriptor, for a child that must hold it as well."""
    descriptor = open_lock(path)
    try:
        lock(descriptor, fcntl.LOCK_EX, deadline=deadline, what=str(path))
        yield descriptor
    finally:
        os.close(descriptor)
