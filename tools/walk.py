"""Walking a workspace folder on directory descriptors, within stated caps."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.beneath import PathRefused, Refusal, opened
from tools.inventory import Findings, Inventory, SkipReason, WorkspaceFile
from tools.kinds import SNIFFED_BYTES, Kind, kind_of
from tools.names import shown_name

VENDORED = frozenset(
    {
        "node_modules",
        "__pycache__",
        "venv",
        "site-packages",
        "bower_components",
        "dist-packages",
        "__pypackages__",
    }
)
_LINK_REASONS: dict[Refusal, SkipReason] = {
    "outside": "link_outside",
    "absolute": "link_outside",
    "missing": "link_broken",
    "not_a_folder": "link_broken",
    "loop": "link_loop",
    "special": "special_file",
}
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

Identity = tuple[int, int]
Sniffed = tuple[int, int, int, Kind]
"""(inode, modified in nanoseconds, size, kind)"""


@dataclass(frozen=True, kw_only=True)
class WalkLimits:
    files: int = 10_000
    entries: int = 200_000
    depth: int = 64
    bytes: int = 200_000_000
    """A file of this size or larger is skipped."""


@dataclass
class Walk:
    """One walk. `wanted` says which paths lie within what may be read; `sniffed` is kept between walks."""

    root: str
    limits: WalkLimits
    wanted: Callable[[str], bool]
    sniffed: dict[str, Sniffed]
    found: Findings = field(default_factory=Findings)
    seen: set[Identity] = field(default_factory=set[Identity])
    links: list[str] = field(default_factory=list[str])
    entries: int = 0

    def run(self) -> Inventory:
        """Real files and folders first, links after them, so that a link never hides what it points to."""
        with opened(self.root, ".") as top:
            self._folder(top.descriptor, "", top.status)
        for path in sorted(self.links):
            if not self.found.truncated:
                self._link(path)
        return self.found.inventory()

    def _folder(self, descriptor: int, prefix: str, status: os.stat_result) -> None:
        identity = (status.st_dev, status.st_ino)
        if identity in self.seen:
            return
        self.seen.add(identity)
        if prefix.count("/") > self.limits.depth:
            self._skip(prefix.rstrip("/"), "too_deep")
            return
        for entry in self._listed(descriptor, prefix):
            if self.found.truncated:
                return
            self._entry(descriptor, entry, prefix + entry.name)

    def _listed(self, descriptor: int, prefix: str) -> list[os.DirEntry[str]]:
        listed: list[os.DirEntry[str]] = []
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    self.entries += 1
                    if self.entries > self.limits.entries:
                        self.found.truncated = True
                        break
                    listed.append(entry)
        except OSError:
            self._skip(prefix.rstrip("/") or ".", "unreadable")
        return sorted(listed, key=lambda entry: entry.name)

    def _entry(self, parent: int, entry: os.DirEntry[str], path: str) -> None:
        if entry.name.startswith("."):
            self._skip(path, "hidden")
            return
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            return
        if stat.S_ISLNK(status.st_mode):
            self.links.append(path)
        elif stat.S_ISDIR(status.st_mode):
            self._subfolder(parent, entry.name, path)
        elif not stat.S_ISREG(status.st_mode):
            self._skip(path, "special_file")
        elif self.wanted(path):
            self._file(parent, entry.name, path, status)

    def _subfolder(self, parent: int, name: str, path: str) -> None:
        if name in VENDORED:
            self._skip(path, "vendored")
            return
        try:
            descriptor = os.open(name, _FOLDER, dir_fd=parent)
        except OSError:
            self._skip(path, "unreadable")
            return
        try:
            self._folder(descriptor, path + "/", os.fstat(descriptor))
        finally:
            os.close(descriptor)

    def _file(self, parent: int, name: str, path: str, status: os.stat_result) -> None:
        if len(self.found.files) >= self.limits.files:
            self.found.truncated = True
            return
        self.seen.add((status.st_dev, status.st_ino))
        if status.st_size >= self.limits.bytes:
            self._skip(path, "too_large")
            return
        kind = self._kind(parent, name, path, status)
        if kind is None:
            self._skip(path, "unreadable")
        elif kind == "binary":
            self._skip(path, "binary")
        else:
            self.found.files.append(WorkspaceFile(path=shown_name(path), kind=kind, size=status.st_size))

    def _kind(self, parent: int, name: str, path: str, status: os.stat_result) -> Kind | None:
        known = self.sniffed.get(path)
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        if known is not None and known[:3] == stamp:
            return known[3]
        try:
            descriptor = os.open(name, _FILE, dir_fd=parent)
        except OSError:
            return None
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            kind = kind_of(path, os.read(descriptor, SNIFFED_BYTES))
        except OSError:
            return None
        finally:
            os.close(descriptor)
        self.sniffed[path] = (*stamp, kind)
        return kind

    def _link(self, path: str) -> None:
        try:
            with opened(self.root, path) as target:
                self._linked(target.descriptor, target.status, target.path, path)
        except PathRefused as refused:
            self._skip(path, _LINK_REASONS.get(refused.reason, "unreadable"))

    def _linked(self, descriptor: int, status: os.stat_result, target: str, path: str) -> None:
        if (status.st_dev, status.st_ino) in self.seen:
            self._skip(path, "link_duplicate")
        elif not (self.wanted(path) and self.wanted(target)):
            return
        elif stat.S_ISDIR(status.st_mode):
            self._folder(descriptor, path + "/", status)
        else:
            name = target.rpartition("/")[2]
            with opened(self.root, target.rpartition("/")[0] or ".") as parent:
                self._file(parent.descriptor, name, path, status)

    def _skip(self, path: str, reason: SkipReason) -> None:
        if self.wanted(path):
            self.found.skip(shown_name(path), reason)
