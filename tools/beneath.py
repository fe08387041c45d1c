"""Opening files beneath a folder: one component at a time on directory descriptors, never following blindly.

Every component is looked at without following it and then opened with `O_NOFOLLOW` on its parent's
descriptor; links are read and walked by hand; `..` goes back along the descriptors already held. So no swap
of a file, folder or link between the look and the open can lead outside.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

MAX_LINKS = 40
MAX_PATH = 4096

Refusal = Literal[
    "absolute",
    "outside",
    "missing",
    "loop",
    "not_a_file",
    "not_a_folder",
    "special",
    "unreadable",
    "bad_name",
]

_EXPLANATION: dict[Refusal, str] = {
    "absolute": "paths are relative to the workspace and do not start with '/'",
    "outside": "this path leads outside the workspace",
    "missing": "there is no such file in the workspace",
    "loop": "this path runs through a loop of links",
    "not_a_file": "this is a folder, not a file",
    "not_a_folder": "this is a file, not a folder",
    "special": "this is a device, socket or pipe, not a file",
    "unreadable": "permission to read this was denied",
    "bad_name": "this is not a usable path",
}


class PathRefused(Exception):
    """A path that is not opened; the message never names anything outside the workspace."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(_EXPLANATION[reason])
        self.reason: Refusal = reason


@dataclass(frozen=True, kw_only=True)
class Opened:
    """An open descriptor, owned by the context that made it, and where it really lies."""

    descriptor: int
    path: str
    """Relative to the root, links resolved; "." for the root itself."""
    status: os.stat_result


def normalised(path: str) -> str:
    """The relative path without `.` and without needless `..`, looking at its letters only.

    Raises:
        PathRefused: absolute, leading outside, or not a path at all.
    """
    if not path or "\0" in path or len(path) > MAX_PATH:
        raise PathRefused("bad_name")
    if path.startswith("/"):
        raise PathRefused("absolute")
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            if not parts:
                raise PathRefused("outside")
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts) or "."


@contextmanager
def opened(root: str, path: str) -> Generator[Opened]:
    """Open a regular file or a folder beneath `root` for reading.

    Raises:
        PathRefused: not beneath the root, missing, unreadable, or neither file nor folder.
    """
    normalised(path)
    walk = _Walk(root)
    try:
        yield walk.to(path)
    finally:
        walk.close()


class _Walk:
    def __init__(self, root: str) -> None:
        self._root = root
        self._folders = [_open(root, os.O_DIRECTORY, None)]
        self._names: list[str] = []
        self._file: int | None = None
        self._links = 0

    def to(self, path: str) -> Opened:
        pending = path.split("/")[::-1]
        while pending:
            name = pending.pop()
            if name in {"", "."}:
                continue
            if name == "..":
                self._up()
            else:
                self._step(name, pending)
        descriptor = self._folders[-1] if self._file is None else self._file
        return Opened(descriptor=descriptor, path="/".join(self._names) or ".", status=os.fstat(descriptor))

    def close(self) -> None:
        for descriptor in self._folders:
            os.close(descriptor)
        if self._file is not None:
            os.close(self._file)

    def _up(self) -> None:
        if not self._names:
            raise PathRefused("outside")
        os.close(self._folders.pop())
        self._names.pop()

    def _step(self, name: str, pending: list[str]) -> None:
        parent = self._folders[-1]
        try:
            mode = os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode
        except OSError as error:
            raise _refusal(error) from error
        if stat.S_ISLNK(mode):
            self._follow(name, pending)
        elif stat.S_ISDIR(mode):
            self._folders.append(_open(name, os.O_DIRECTORY | os.O_NOFOLLOW, parent))
            self._names.append(name)
        elif not stat.S_ISREG(mode):
            raise PathRefused("special")
        elif pending:
            raise PathRefused("not_a_folder")
        else:
            self._enter_file(name, parent)

    def _enter_file(self, name: str, parent: int) -> None:
        descriptor = _open(name, os.O_NOFOLLOW | os.O_NONBLOCK, parent)
        self._file = descriptor
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise PathRefused("special")
        self._names.append(name)

    def _follow(self, name: str, pending: list[str]) -> None:
        self._links += 1
        if self._links > MAX_LINKS:
            raise PathRefused("loop")
        try:
            target = os.readlink(name, dir_fd=self._folders[-1])
        except OSError as error:
            raise _refusal(error) from error
        if target.startswith("/"):
            target = self._relative(target)
            while self._names:
                self._up()
        pending.extend(target.split("/")[::-1])

    def _relative(self, target: str) -> str:
        for root in (self._root, os.path.realpath(self._root)):
            try:
                return str(PurePosixPath(target).relative_to(root))
            except ValueError:
                continue
        raise PathRefused("outside")


def _open(name: str, flags: int, parent: int | None) -> int:
    try:
        return os.open(name, flags | os.O_RDONLY | os.O_CLOEXEC, dir_fd=parent)
    except OSError as error:
        raise _refusal(error) from error


def _refusal(error: OSError) -> PathRefused:
    match error.errno:
        case errno.EACCES | errno.EPERM:
            return PathRefused("unreadable")
        case errno.ELOOP:
            return PathRefused("loop")
        case errno.ENOTDIR:
            return PathRefused("not_a_folder")
        case errno.ENAMETOOLONG | errno.EINVAL | errno.EILSEQ:
            return PathRefused("bad_name")
        case errno.ENXIO | errno.ENODEV:
            return PathRefused("special")
        case errno.ENOENT:
            return PathRefused("missing")
        case _:
            return PathRefused("unreadable")
