"""PDF to text, page by page, by pypdf (imported when first needed: it takes a fifth of a second)."""

from __future__ import annotations

import io
import logging
import time
from dataclasses import dataclass
from itertools import accumulate

MOST_PAGES = 2000
MOST_SECONDS = 60.0
MOST_CHARACTERS = 20_000_000


class PdfUnreadable(Exception):
    """Encrypted, damaged, or not a PDF at all."""


@dataclass(frozen=True, kw_only=True)
class PdfText:
    pages: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def text(self) -> str:
        """All pages, each behind a line `[page N]`."""
        return "\n".join(f"[page {number}]\n{page}" for number, page in enumerate(self.pages, 1))

    @property
    def starts(self) -> tuple[int, ...]:
        """The lines of the text, from 1, that pages begin on."""
        lengths = (page.count("\n") + 2 for page in self.pages[:-1])
        return tuple(accumulate(lengths, initial=1)) if self.pages else ()


def read_pdf(data: bytes) -> PdfText:
    """Raises `PdfUnreadable`, whatever is wrong with the file."""
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    try:
        reader = PdfReader(io.BytesIO(data), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise PdfUnreadable("this PDF needs a password")
        return _pages(reader.pages)
    except PdfUnreadable:
        raise
    except Exception as error:
        # pypdf raises many built-in errors on damaged files, RecursionError included.
        raise PdfUnreadable("this PDF is damaged or encrypted and could not be read") from error


def _pages(pages: object) -> PdfText:
    from pypdf import PageObject

    deadline = time.monotonic() + MOST_SECONDS
    texts: list[str] = []
    notes: list[str] = []
    characters = 0
    for page in pages:  # pyright: ignore[reportGeneralTypeIssues,reportUnknownVariableType]
        assert isinstance(page, PageObject)
        if len(texts) >= MOST_PAGES or characters > MOST_CHARACTERS or time.monotonic() > deadline:
            notes.append(f"only the first {len(texts)} pages were read")
            break
        text = page.extract_text().replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
        texts.append(text.strip("\n"))
        characters += len(text)
    if not any(text.strip() for text in texts):
        notes.append("this PDF has no text: its pages may be images")
    return PdfText(pages=tuple(texts), notes=tuple(notes))
