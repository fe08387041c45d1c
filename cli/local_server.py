"""How commands find the `treehold up` of a data folder: by a file with its address, locked while it runs."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.settings import Settings

FILE = "server.json"
PATIENCE_SECONDS = 1.0
"""For somebody who looks just now; whoever keeps the lock longer is a server."""
POLL_SECONDS = 0.01


@dataclass(frozen=True, kw_only=True)
class LocalServer:
    url: str
    key: str


@contextmanager
def announced(
    settings: Settings, *, url: str, key_file: Path, patience: float = PATIENCE_SECONDS
) -> Generator[None]:
    """Be found while this lasts. Where another server was first, that one stays the one that is found."""
    descriptor = os.open(settings.data_dir / FILE, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        if _locked(descriptor, patience):
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"url": url, "key_file": str(key_file)}).encode(), 0)
        yield
    finally:
        os.close(descriptor)


def found(settings: Settings) -> LocalServer | None:
    """The server that runs on this data folder's own database, if one does."""
    if not settings.embedded_database:
        return None
    try:
        with (settings.data_dir / FILE).open() as file:
            if _lock(file.fileno(), fcntl.LOCK_SH):
                return None
            told = json.load(file)
        return LocalServer(url=told["url"], key=Path(told["key_file"]).read_text().strip())
    except (OSError, ValueError):
        return None


def _locked(descriptor: int, patience: float) -> bool:
    end = time.monotonic() + patience
    while not _lock(descriptor, fcntl.LOCK_EX):
        if time.monotonic() >= end:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _lock(descriptor: int, mode: int) -> bool:
    try:
        fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
