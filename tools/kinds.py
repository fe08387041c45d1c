"""What kind of file this is, by its name and its first bytes."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

Kind = Literal["text", "markdown", "rst", "html", "csv", "jsonl", "json", "python", "pdf", "binary"]

SNIFFED_BYTES = 4096

_BY_SUFFIX: dict[str, Kind] = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".rst": "rst",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".py": "python",
    ".pyi": "python",
    ".pdf": "pdf",
}
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")
_TEXT_CONTROLS = frozenset(b"\t\n\r\f\x08\x1b\x0b")
_MOST_CONTROLS = 0.1


def kind_of(path: str, head: bytes) -> Kind:
    """The kind by the name, unless the first bytes contradict it."""
    named = _BY_SUFFIX.get(PurePosixPath(path).suffix.lower(), "text")
    if head.startswith(b"%PDF-"):
        return "pdf"
    if looks_binary(head) or (named == "pdf" and b"%PDF-" not in head):
        return "binary" if head else "text"
    return named


def looks_binary(head: bytes) -> bool:
    """Whether these first bytes are not text in UTF-8, UTF-16 with a mark, or an 8-bit code page."""
    if head.startswith(_BYTE_ORDER_MARKS) or not head:
        return False
    if b"\0" in head:
        return True
    controls = sum(byte < 0x20 and byte not in _TEXT_CONTROLS for byte in head)
    return controls > len(head) * _MOST_CONTROLS
