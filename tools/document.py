"""A readable file as lines of text with stable numbers, and quotes found in it."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from tools.kinds import Kind

BLOCK_END = "\u2424"
"""Stands where one block of a page ends within a line and the next begins; no quote reaches over it."""

_MOST_OCCURRENCES = 10_000


class QuotePlace(NamedTuple):
    line: int
    """Where the quote starts, from 1."""
    exact: str


@dataclass(frozen=True)
class Document:
    """The text of one file.

    Lines end at line feeds (a carriage return, alone or before one, counts as one), so `lines[n - 1]` is
    line n of the file as an editor shows it. For PDF, lines are those of the extracted text, with a line
    `[page N]` before each page. For HTML, line n holds the visible text of the file's line n, with a
    `BLOCK_END` between blocks; where a page has lines too long for that (`numbering == "extracted"`), each
    block of the page is a line.
    """

    path: str
    kind: Kind
    text: str
    """Line ends are line feeds; a byte order mark is left out."""
    numbering: str = "file"
    notes: tuple[str, ...] = ()
    """What a reader must know: a guessed encoding, pages left out."""
    pages: tuple[int, ...] = ()
    """For PDF, the lines that pages begin on."""

    @cached_property
    def lines(self) -> list[str]:
        lines = self.text.split("\n")
        if lines[-1] == "":
            lines.pop()
        return lines

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        position = self.text.find("\n")
        while position >= 0:
            starts.append(position + 1)
            position = self.text.find("\n", position + 1)
        return starts

    def line_at(self, offset: int) -> int:
        return bisect_right(self._starts, offset)

    def find(self, quote: str, near_line: int | None = None) -> QuotePlace | None:
        """The occurrence of an exact quote that starts nearest to a line; the first where none is given."""
        quote = with_line_feeds(quote)
        if not _quotable(quote) or (self.kind == "html" and BLOCK_END in quote):
            return None
        places: list[int] = []
        position = self.text.find(quote)
        while position >= 0 and len(places) < _MOST_OCCURRENCES:
            places.append(self.line_at(position))
            position = self.text.find(quote, position + 1) if near_line is not None else -1
        if not places:
            return None
        wanted = near_line or 0
        return QuotePlace(min(places, key=lambda line: abs(line - wanted)), quote)


def find_in_lines(lines: Iterable[str], quote: str, near_line: int | None = None) -> QuotePlace | None:
    """As `Document.find`, for a text too large to hold: reads on only while a nearer place is possible."""
    quote = with_line_feeds(quote)
    if not _quotable(quote):
        return None
    height = quote.count("\n") + 1
    window: deque[str] = deque(maxlen=height)
    wanted, best = near_line or 0, None
    for number, line in enumerate(lines, 1):
        window.append(line)
        first = number - height + 1
        if first >= 1 and quote in "\n".join(window) and (best is None or abs(first - wanted) < best[0]):
            best = (abs(first - wanted), first)
        if best is not None and first - wanted > best[0]:
            break
    return None if best is None else QuotePlace(best[1], quote)


def _quotable(quote: str) -> bool:
    return bool(quote.strip()) and not any(
        ord(character) < 0x20 and character not in "\n\t" for character in quote
    )


def with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
