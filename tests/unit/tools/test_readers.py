"""Pages and PDFs as text: what is one block stays one, and every page has its place."""

from __future__ import annotations

from bisect import bisect_right

import pytest

from tests.unit.tools.conftest import tiny_pdf
from tools.document import BLOCK_END, Document
from tools.readers.document import read_document
from tools.readers.pdf import PdfText

PAGE = (
    b"<html><head><title>Gateway runbook</title></head><body><h1>Gateway runbook</h1>\n"
    b"<p>Restart it <b>with care</b>.</p><p>Then\nwait.</p><table><tr><td>a</td><td>b</td></tr></table>\n"
    b"<p></p><div>alone</div></body></html>\n"
)


def page(source: bytes) -> Document:
    return read_document("a.html", "html", source)


def test_blocks_on_one_line_of_a_page_are_kept_apart() -> None:
    assert page(PAGE).lines == [
        f"Gateway runbook {BLOCK_END} Gateway runbook",
        f"Restart it with care. {BLOCK_END} Then",
        f"wait. {BLOCK_END} a | b |",
        "alone",
    ]


@pytest.mark.parametrize("quote", ["Gateway runbook", "Restart it with care.", "Then\nwait.", "a | b"])
def test_what_stands_in_one_block_can_be_quoted(quote: str) -> None:
    assert page(PAGE).find(quote) is not None


@pytest.mark.parametrize(
    "quote", ["Gateway runbook Gateway runbook", f"Gateway runbook {BLOCK_END} Gateway runbook", "care. Then"]
)
def test_no_quote_reaches_over_two_blocks(quote: str) -> None:
    assert page(PAGE).find(quote) is None


def test_a_page_cannot_write_the_end_of_a_block_itself() -> None:
    assert page(f"<p>one {BLOCK_END} two</p>".encode()).lines == ["one two"]


def test_other_kinds_may_hold_the_sign() -> None:
    document = read_document("a.txt", "text", f"one {BLOCK_END} two\n".encode())
    assert document.find(f"one {BLOCK_END} two") is not None


def test_the_pages_of_a_pdf_begin_where_they_say() -> None:
    document = read_document("a.pdf", "pdf", tiny_pdf("First.", "Second.", "Third."))
    assert [document.lines[start - 1] for start in document.pages] == ["[page 1]", "[page 2]", "[page 3]"]
    place = document.find("Third.")
    assert place is not None
    assert bisect_right(document.pages, place.line) == 3


def test_a_page_of_many_lines_and_one_of_none_are_counted() -> None:
    text = PdfText(pages=("a\nb\n[page 9]", "", "c"), notes=())
    lines = text.text.split("\n")
    assert [lines[start - 1] for start in text.starts] == ["[page 1]", "[page 2]", "[page 3]"]
    assert PdfText(pages=(), notes=()).starts == ()


def test_other_files_have_no_pages() -> None:
    assert page(PAGE).pages == ()
