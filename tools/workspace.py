"""A workspace: the folder given with a task. Nothing outside it can be read."""

from __future__ import annotations

import io
import os
import stat
import threading
from collections import OrderedDict
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from core.errors import InvalidInput, ToolDenied, ToolFailed
from core.grant import Capabilities
from tools.beneath import PathRefused, normalised, opened
from tools.document import Document, QuotePlace, find_in_lines
from tools.inventory import Inventory, WorkspaceFile
from tools.kinds import SNIFFED_BYTES, Kind, kind_of
from tools.names import real_name, shown_name
from tools.readers.document import Unreadable, read_document
from tools.readers.text import encoding_of, note_on
from tools.walk import Sniffed, Walk, WalkLimits

Identity = tuple[str, int, int, int, int]
"""(path, device, inode, modified in nanoseconds, size)"""

_ALL = Capabilities(paths=frozenset({"."}))


@dataclass(frozen=True, kw_only=True)
class WorkspaceLimits:
    """Texts larger than `document_bytes` are read as streams of lines, up to the largest file of `walk`."""

    walk: WalkLimits = field(default_factory=WalkLimits)
    document_bytes: int = 32_000_000
    cached_characters: int = 64_000_000


class _DocumentCache:
    """Documents by identity of their file; the least recently used go first. Safe between threads."""

    def __init__(self, characters: int) -> None:
        self._room = characters
        self._documents: OrderedDict[Identity, Document] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, identity: Identity) -> Document | None:
        with self._lock:
            document = self._documents.get(identity)
            if document is not None:
                self._documents.move_to_end(identity)
            return document

    def put(self, identity: Identity, document: Document) -> None:
        with self._lock:
            if identity in self._documents:
                return
            self._documents[identity] = document
            self._room -= len(document.text)
            while self._room < 0 and self._documents:
                _, dropped = self._documents.popitem(last=False)
                self._room += len(dropped.text)


@dataclass(frozen=True, kw_only=True)
class _Shared:
    root: str
    limits: WorkspaceLimits
    cache: _DocumentCache
    sniffed: dict[str, Sniffed] = field(default_factory=dict[str, Sniffed])

    @classmethod
    def of(cls, root: str, limits: WorkspaceLimits) -> _Shared:
        return cls(root=root, limits=limits, cache=_DocumentCache(limits.cached_characters))


class Workspace:
    """Blocking file access beneath one folder; call it from a thread. Safe to use from several at once."""

    def __init__(
        self,
        root: str | Path,
        limits: WorkspaceLimits | None = None,
        *,
        capabilities: Capabilities = _ALL,
        shared: _Shared | None = None,
    ) -> None:
        """Raises `InvalidInput` when the folder is missing, not a folder, unreadable or empty."""
        self._shared = shared or _Shared.of(_checked_root(root), limits or WorkspaceLimits())
        self._capabilities = capabilities

    @property
    def root(self) -> str:
        return self._shared.root

    def narrowed(self, capabilities: Capabilities) -> Workspace:
        """The same workspace, of which only the allowed paths can be listed or read; caches are shared."""
        return Workspace(self.root, capabilities=capabilities, shared=self._shared)

    def inventory(self) -> Inventory:
        """All readable files within the allowed paths, and what was left out."""
        walk = Walk(
            root=self._shared.root,
            limits=self._shared.limits.walk,
            wanted=self._allows,
            sniffed=self._shared.sniffed,
        )
        try:
            return walk.run()
        except PathRefused as refused:
            raise ToolFailed("the workspace folder is gone or can no longer be read") from refused

    def text(self, path: str) -> Document:
        """The file as text. Raises `ToolDenied` or `ToolFailed` with the reason."""
        with self._file(path) as (file, identity, kind):
            cached = self._shared.cache.get(identity)
            if cached is not None:
                return cached
            if identity[-1] > self._shared.limits.document_bytes:
                raise ToolFailed(
                    f"{_named(path)} is larger than {self._shared.limits.document_bytes:,} bytes"
                )
            try:
                document = read_document(shown_name(identity[0]), kind, file.read())
            except Unreadable as error:
                raise ToolFailed(f"{_named(path)}: {error}") from error
        self._shared.cache.put(identity, document)
        return document

    @contextmanager
    def stream(self, path: str) -> Generator[LineStream]:
        """The file's lines one after the other, however large it is. Raises as `text` does."""
        with self._file(path) as (file, identity, kind):
            if identity[-1] <= self._shared.limits.document_bytes or kind in {"pdf", "html"}:
                document = self.text(path)
                yield LineStream(kind=kind, lines=iter(document.lines), notes=document.notes)
                return
            encoding = encoding_of(file.read(1 << 20), whole=False)
            file.seek(0)
            text = io.TextIOWrapper(file, encoding=encoding, errors="replace", newline=None)
            notes = () if encoding.startswith("utf-8") else (note_on(encoding),)
            yield LineStream(kind=kind, lines=(line.removesuffix("\n") for line in text), notes=notes)

    def find_quote(self, path: str, quote: str, near_line: int | None = None) -> QuotePlace | None:
        """Where an exact quote starts in the file, as `Document` numbers lines; None when it is not there.

        A file that cannot be read holds no quotes.
        """
        try:
            with self._file(path) as (_, identity, _):
                large = identity[-1] > self._shared.limits.document_bytes
            if not large:
                return self.text(path).find(quote, near_line)
            with self.stream(path) as stream:
                return find_in_lines(stream.lines, quote, near_line)
        except (ToolDenied, ToolFailed):
            return None

    def file(self, path: str) -> WorkspaceFile:
        """What is at this path, without reading it all. Raises as `text` does."""
        with self._file(path) as (_, identity, kind):
            return WorkspaceFile(path=shown_name(identity[0]), kind=kind, size=identity[-1])

    def folder(self, path: str) -> str | None:
        """Where the folder of this path really lies; None when it is a file. Raises as `text` does."""
        try:
            with opened(self._shared.root, self._real(path)) as found:
                return shown_name(found.path) if stat.S_ISDIR(found.status.st_mode) else None
        except PathRefused as refused:
            raise _error(path, refused) from refused

    def _allows(self, path: str) -> bool:
        return self._capabilities.allows_path(path) or self._capabilities.allows_path(shown_name(path))

    @contextmanager
    def _file(self, path: str) -> Generator[tuple[BinaryIO, Identity, Kind]]:
        try:
            with opened(self._shared.root, self._real(path)) as found:
                status = found.status
                if stat.S_ISDIR(status.st_mode):
                    raise PathRefused("not_a_file")
                if not (self._allows(found.path) and self._allows(normalised(self._real(path)))):
                    raise ToolDenied(f"{_named(path)} is not among the files you were given")
                if status.st_size >= self._shared.limits.walk.bytes:
                    raise ToolFailed(f"{_named(path)} is too large to read ({status.st_size:,} bytes)")
                with os.fdopen(os.dup(found.descriptor), "rb") as file:
                    kind = kind_of(found.path, os.pread(found.descriptor, SNIFFED_BYTES, 0))
                    if kind == "binary":
                        raise ToolFailed(f"{_named(path)} is binary, not text")
                    yield file, _identity(found.path, status), kind
        except PathRefused as refused:
            raise _error(path, refused) from refused
        except OSError as error:
            raise ToolFailed(f"{_named(path)} could not be read") from error

    def _real(self, path: str) -> str:
        """The path itself, or what it stands for if it was shown with escapes."""
        if "\\" not in path:
            return path
        try:
            with opened(self._shared.root, path):
                return path
        except PathRefused:
            return real_name(path)


@dataclass(frozen=True, kw_only=True)
class LineStream:
    """Lines without their ends; to be read while the file is open."""

    kind: Kind
    lines: Iterator[str]
    notes: tuple[str, ...]


def _checked_root(root: str | Path) -> str:
    try:
        folder = Path(root).expanduser().resolve()
        mode = folder.stat().st_mode
    except (OSError, RuntimeError, ValueError) as error:
        raise InvalidInput(f"there is no folder {shown_name(str(root))}: give one that exists") from error
    name = shown_name(str(folder))
    if not stat.S_ISDIR(mode):
        raise InvalidInput(f"{name} is a file, not a folder: give the folder that holds it")
    try:
        with os.scandir(folder) as entries:
            empty = next(entries, None) is None
    except OSError as error:
        raise InvalidInput(f"the folder {name} may not be read: check its permissions") from error
    if empty:
        raise InvalidInput(f"the folder {name} is empty: put files into it, or give another folder")
    return str(folder)


def _identity(path: str, status: os.stat_result) -> Identity:
    return (path, status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)


def _named(path: str) -> str:
    return f'"{shown_name(path[:200])}"'


def _error(path: str, refused: PathRefused) -> ToolDenied | ToolFailed:
    message = f"{_named(path)}: {refused}"
    match refused.reason:
        case "absolute" | "outside" | "special" | "loop" | "bad_name":
            return ToolDenied(message)
        case _:
            return ToolFailed(message)
