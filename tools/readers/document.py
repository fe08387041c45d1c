"""One file's bytes to a document, by its kind."""

from __future__ import annotations

from tools.document import Document
from tools.kinds import Kind
from tools.readers.html import read_html
from tools.readers.pdf import PdfUnreadable, read_pdf
from tools.readers.text import decode


class Unreadable(Exception):
    """The bytes are not what their kind promises."""


def read_document(path: str, kind: Kind, data: bytes) -> Document:
    """Raises `Unreadable` with a reason fit to show."""
    if kind == "pdf":
        try:
            pdf = read_pdf(data)
        except PdfUnreadable as error:
            raise Unreadable(str(error)) from error
        return Document(path, kind, pdf.text, "extracted", pdf.notes, pdf.starts)
    decoded = decode(data)
    notes = (decoded.note,) if decoded.note else ()
    if kind == "html":
        page = read_html(decoded.text)
        return Document(path, kind, page.text, page.numbering, notes)
    return Document(path, kind, decoded.text, "file", notes)
