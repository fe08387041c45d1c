"""Files cut into passages: a few lines that belong together, with the numbers of those lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from tools.document import Document

LEAST_LINES = 3
MOST_LINES = 12
MOST_CHARACTERS = 1200
_HEADING = re.compile(r"#{1,6} ")
_UNDERLINE = re.compile(r"([=\-~^\"'*+#])\1{2,}\s*$")
_IDENTIFIER = re.compile(r"\b(?=\w*(?:[^\W_]_[^\W_]|[a-z][A-Z]))\w+")
_JOINT = re.compile(r"_+|(?<=[a-z0-9])(?=[A-Z])")
_PAGE = re.compile(r"\[page \d+\]$")


@dataclass(frozen=True)
class Passage:
    """`lines[0]` is line `first` of the file."""

    path: str
    first: int
    lines: tuple[str, ...]

    @property
    def last(self) -> int:
        return self.first + len(self.lines) - 1

    @cached_property
    def text(self) -> str:
        """At most `MOST_CHARACTERS` of the passage: what is compared with a question."""
        return "\n".join(self.lines)[:MOST_CHARACTERS]

    @cached_property
    def lowered(self) -> str:
        """For finding words: identifiers such as `MAX_ATTEMPTS` also stand as their words."""
        made = (_JOINT.sub(" ", name) for name in _IDENTIFIER.findall(self.text))
        return "\n".join([self.text, *made]).lower()


def passages(document: Document) -> Iterator[Passage]:
    """Passages in order, without blank lines at their ends; every line with text is in exactly one."""
    for first, block in _blocks(document.lines, split_rows=document.kind in {"csv", "jsonl"}):
        yield Passage(document.path, first, tuple(block))


def _blocks(lines: list[str], *, split_rows: bool) -> Iterator[tuple[int, list[str]]]:
    first, block, characters = 1, list[str](), 0
    for number, line in enumerate(lines, 1):
        blank = not line.strip()
        if block and _ends(block, line, characters, blank=blank, split_rows=split_rows):
            yield first, _trimmed(block)
            block, characters = [], 0
        if not block:
            if blank:
                continue
            first = number
        block.append(line)
        characters += len(line)
    if block:
        yield first, _trimmed(block)


def _ends(block: list[str], line: str, characters: int, *, blank: bool, split_rows: bool) -> bool:
    """Whether the block is complete before this line."""
    if len(block) >= MOST_LINES or characters + len(line) > MOST_CHARACTERS:
        return True
    if split_rows:
        return False
    if _HEADING.match(line) or _PAGE.match(line):
        return True
    return blank and len(block) >= LEAST_LINES and not _only_heading(block)


def _only_heading(block: list[str]) -> bool:
    """A heading stays with what follows it."""
    rest = [line for line in block if line.strip()]
    return all(_HEADING.match(line) or _UNDERLINE.match(line) for line in rest[1:]) and len(rest) <= 2


def _trimmed(block: list[str]) -> list[str]:
    while len(block) > 1 and not block[-1].strip():
        block.pop()
    return block
