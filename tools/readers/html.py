"""HTML to the text a person sees, line by line of the file where that is readable.

Before parsing, every line feed gets the number of the line behind it, written in tabs and form feeds: white
space, which the parser keeps wherever text may stand. So text found in the tree still says which line of the
file it stood on.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Literal

from selectolax.lexbor import LexborHTMLParser, LexborNode

from tools.document import BLOCK_END

_UNSEEN = frozenset(
    {"script", "style", "noscript", "template", "svg", "iframe", "object", "math", "canvas", "textarea"}
)
_INLINE = frozenset(
    {
        *("a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i"),
        *("ins", "kbd", "label", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub"),
        *("sup", "time", "tt", "u", "var", "wbr"),
    }
)
_CELLS = frozenset({"td", "th"})
_NOT_NESTING = frozenset(
    {
        *(
            "area",
            "base",
            "br",
            "col",
            "embed",
            "hr",
            "img",
            "input",
            "link",
            "meta",
            "source",
            "track",
            "wbr",
        ),
        *("p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option"),
    }
)
_DEEPEST = 2000
"""Deeper nesting makes the parser quadratic; such a page is only stripped of its tags."""
_LONGEST_LINE = 1000
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_ANY_TAG = re.compile(r"<[!/a-zA-Z][^<>]*>")
_MARK = re.compile("\n?([\t\f]+)")
_OTHER_SPACES = str.maketrans("\t\f\v", "   ")
_SPACES = re.compile(r"[ \t\n\f]+")
_HIDDEN_STYLE = re.compile(r"(?:display *: *none|visibility *: *hidden)", re.IGNORECASE)
_TO_BITS = str.maketrans("01", "\t\f")
_FROM_BITS = str.maketrans("\t\f", "01")

Numbering = Literal["file", "extracted"]


@dataclass(frozen=True, kw_only=True)
class Page:
    text: str
    numbering: Numbering


def read_html(source: str) -> Page:
    """Visible text; scripts, styles and hidden elements are left out. Lines of `source` end at line feeds."""
    lines = source.translate(_OTHER_SPACES).split("\n")
    if _depth(source) > _DEEPEST:
        return Page(
            text="\n".join(html.unescape(_ANY_TAG.sub(" ", line)) for line in lines), numbering="file"
        )
    marked = lines[0] + "".join(
        f"\n{f'{number:b}'.translate(_TO_BITS)}{line}" for number, line in enumerate(lines[1:], 2)
    )
    layout = _Layout()
    root = LexborHTMLParser(marked).root
    if root is not None:
        _visit(root, layout)
    by_line = layout.by_line(len(lines))
    if max(map(len, by_line)) <= _LONGEST_LINE:
        return Page(text="\n".join(by_line), numbering="file")
    return Page(text="\n".join(layout.by_block()), numbering="extracted")


@dataclass
class _Layout:
    line: int = 1
    block: int = 0
    pieces: list[tuple[int, int, str]] = field(default_factory=list[tuple[int, int, str]])
    """(line of the file, block of the page, text)"""

    def add(self, text: str) -> None:
        """Text with marks: what stands behind a mark is on that line, what stands before it above."""
        parts = _MARK.split(text.replace(BLOCK_END, " "))
        if len(parts) > 1 and parts[0].strip():
            self.line = max(self.line, _line(parts[1]) - 1)
        self.pieces.append((self.line, self.block, parts[0]))
        for bits, piece in zip(parts[1::2], parts[2::2], strict=True):
            self.line = _line(bits)
            self.pieces.append((self.line, self.block, " " + piece))

    def skip(self, text: str) -> None:
        """Unseen text still moves the line on."""
        for bits in _MARK.findall(text):
            self.line = max(self.line, _line(bits))

    def next_block(self) -> None:
        self.block += 1

    def by_line(self, count: int) -> list[str]:
        texts: list[list[str]] = [[] for _ in range(count)]
        last = [-1] * count
        for line, block, text in self.pieces:
            at = min(line, count) - 1
            if last[at] not in {-1, block}:
                texts[at].append(BLOCK_END)
            texts[at].append(text)
            last[at] = block
        return [_line_of("".join(parts)) for parts in texts]

    def by_block(self) -> list[str]:
        texts: dict[int, list[str]] = {}
        for _, block, text in self.pieces:
            texts.setdefault(block, []).append(text)
        joined = (_SPACES.sub(" ", "".join(parts)).strip() for parts in texts.values())
        return [text for text in joined if text]


def _line_of(text: str) -> str:
    """Blocks with one end between them, and none where a block is empty."""
    blocks = (_SPACES.sub(" ", block).strip() for block in text.split(BLOCK_END))
    return f" {BLOCK_END} ".join(block for block in blocks if block)


def _line(bits: str) -> int:
    return int(bits.translate(_FROM_BITS), 2)


def _depth(source: str) -> int:
    """The deepest nesting by counting tags, without regard to what closes what."""
    depth = deepest = 0
    for match in _TAG.finditer(source):
        if match.group(2).lower() not in _NOT_NESTING:
            depth = max(0, depth - 1) if match.group(1) else depth + 1
            deepest = max(deepest, depth)
    return deepest


def _visit(root: LexborNode, layout: _Layout) -> None:
    """Walk the tree in document order, without recursion: pages may be nested deeper than Python's stack."""
    stack: list[tuple[LexborNode, bool]] = [(root, False)]
    while stack:
        node, leaving = stack.pop()
        tag = node.tag or ""
        if leaving:
            _leave(tag, layout)
        elif tag == "-text":
            layout.add(node.text_content or "")
        elif tag == "-comment":
            layout.skip(node.comment_content or "")
        elif tag in _UNSEEN or _hidden(node):
            layout.skip(node.text(deep=True))
        else:
            if tag not in _INLINE and tag not in _CELLS:
                layout.next_block()
            stack.append((node, True))
            stack.extend((child, False) for child in _children(node)[::-1])


def _leave(tag: str, layout: _Layout) -> None:
    if tag in _CELLS:
        layout.pieces.append((layout.line, layout.block, " | "))
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
    return "hidden" in attributes or _HIDDEN_STYLE.search(attributes.get("style") or "") is not None
