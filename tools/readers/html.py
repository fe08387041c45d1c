"""HTML to the text a person sees, line by line of the file where that is readable.

Before parsing, every line start is marked with its number, so that text found in the tree still says which
line of the file it stood on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

from selectolax.lexbor import LexborHTMLParser, LexborNode

_UNSEEN = frozenset(
    {"script", "style", "noscript", "template", "svg", "iframe", "object", "math", "canvas", "textarea"}
)
_INLINE = frozenset(
    "a abbr b bdi bdo big cite code data del dfn em font i ins kbd label mark q s samp small span strike "
    "strong sub sup time tt u var wbr".split()
)
_CELLS = frozenset({"td", "th"})
_MARK = re.compile(" \ue000(\\d+)\ue001 ")
_PRIVATE = re.compile("[\ue000\ue001]")
_SPACES = re.compile(r"[ \t\r\n\f\v]+")
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)
_LONGEST_LINE = 1000

Numbering = Literal["file", "extracted"]


@dataclass(frozen=True, kw_only=True)
class Page:
    text: str
    numbering: Numbering


def read_html(source: str) -> Page:
    """Visible text; scripts, styles and hidden elements are left out. Line feeds end the lines of `source`."""
    lines = _PRIVATE.sub("\ufffd", source).split("\n")
    marked = "\n".join(f" \ue000{number}\ue001 {line}" for number, line in enumerate(lines, 1))
    layout = _Layout()
    root = LexborHTMLParser(marked).root
    if root is not None:
        _visit(root, layout)
    by_line = layout.by_line(len(lines))
    if max(map(len, by_line), default=0) <= _LONGEST_LINE:
        return Page(text="\n".join(by_line), numbering="file")
    return Page(text="\n".join(layout.by_block()), numbering="extracted")


@dataclass
class _Layout:
    line: int = 1
    block: int = 0
    pieces: list[tuple[int, int, str]] = field(default_factory=list[tuple[int, int, str]])
    """(line of the file, block of the page, text)"""

    def add(self, text: str) -> None:
        """Text with marks: what stands behind a mark belongs to that line."""
        parts = _MARK.split(text)
        self.pieces.append((self.line, self.block, parts[0]))
        for number, piece in zip(parts[1::2], parts[2::2], strict=True):
            self.line = int(number)
            self.pieces.append((self.line, self.block, piece))

    def skip(self, text: str) -> None:
        """Unseen text still moves the line on."""
        for number in _MARK.findall(text):
            self.line = max(self.line, int(number))

    def next_block(self) -> None:
        self.block += 1

    def by_line(self, count: int) -> list[str]:
        texts = [""] * count
        last = [-1] * count
        for line, block, text in self.pieces:
            joint = " " if last[line - 1] not in {-1, block} else ""
            texts[line - 1] += joint + text
            last[line - 1] = block
        return [_SPACES.sub(" ", text).strip() for text in texts]

    def by_block(self) -> list[str]:
        texts: dict[int, list[str]] = {}
        for _, block, text in self.pieces:
            texts.setdefault(block, []).append(text)
        joined = (_SPACES.sub(" ", " ".join(parts) if len(parts) > 1 else parts[0]).strip() for parts in texts.values())
        return [text for text in joined if text]


def _visit(root: LexborNode, layout: _Layout) -> None:
    """Walk the tree in document order, without recursion: pages may be nested deeper than Python's stack."""
    stack: list[tuple[LexborNode, bool]] = [(root, False)]
    while stack:
        node, leaving = stack.pop()
        tag = node.tag or ""
        if leaving:
            _leave(tag, layout)
            continue
        if tag == "-text":
            layout.add(node.text_content or "")
            continue
        if tag == "_comment" or tag.startswith("-"):
            layout.skip(node.comment_content or "")
            continue
        layout.skip(" ".join(f" {name} {value or ''} " for name, value in node.attributes.items()))
        if tag in _UNSEEN or _hidden(node):
            layout.skip(node.text(deep=True))
            continue
        if tag not in _INLINE:
            layout.next_block() if tag not in _CELLS else layout.add(" ")
        stack.append((node, True))
        stack.extend((child, False) for child in _children(node)[::-1])


def _leave(tag: str, layout: _Layout) -> None:
    if tag in _CELLS:
        layout.add(" | ")
    elif tag not in _INLINE:
        layout.next_block()


def _children(node: LexborNode) -> list[LexborNode]:
    children: list[LexborNode] = []
    child = node.child
    while child is not None:
        children.append(child)
        child = child.next
    return children


def _hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    return "hidden" in attributes or bool(_HIDDEN_STYLE.search(attributes.get("style") or ""))
