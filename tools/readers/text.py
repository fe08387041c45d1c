"""Bytes to text: UTF-8 first, then what a byte order mark says, then Western code pages."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from tools.document import with_line_feeds

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True, kw_only=True)
class Decoded:
    text: str
    encoding: str
    note: str | None
    """Says so when the encoding had to be guessed."""


def encoding_of(data: bytes, *, whole: bool = True) -> str:
    """The encoding to read these bytes with; the last resort, latin-1, takes any bytes.

    Where they are not the `whole` file, they may end within a character.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    for encoding in ("utf-8", "cp1252"):
        if _decodes(data, encoding, whole):
            return encoding
    return "latin-1"


def decode(data: bytes) -> Decoded:
    encoding = encoding_of(data)
    text = data.decode(encoding, errors="replace")
    note = None if encoding in {"utf-8", "utf-8-sig"} else note_on(encoding)
    return Decoded(text=with_line_feeds(text), encoding=encoding, note=note)


def note_on(encoding: str) -> str:
    return f"not UTF-8: read as {encoding}"


def _decodes(data: bytes, encoding: str, whole: bool) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(data, final=whole)
    except UnicodeDecodeError:
        return False
    return True
