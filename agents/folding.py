"""Finished sub-goals, folded into what they gave (HiAgent, arXiv 2408.09559): a reply's calls and results.

A result is folded to the lines that have most of the question's words, as they stand, so that they can still
be quoted. Which ones is decided by words alone, without a model: a repeated turn folds alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from core.blocks import read_blocks
from inference.estimate import text_tokens
from inference.model import Message

FOLDED = "folded to make room: "

MOST_LINES = 4
MOST_TOKENS = 200
"""Of one result, when it is folded."""

_WORD = re.compile(r"[^\W\d_]{4,}")
_NUMBERED = re.compile(r"\d+\t")
_STEM = 5
"""Characters by which words are compared: `listen`, `listens` and `listening` are one."""


def asked(messages: Sequence[Message]) -> frozenset[str]:
    """The words of the question in a worker's brief."""
    opening = next((message.content for message in messages if message.role == "user"), "")
    return _words(str(read_blocks(opening).get("question", "")))


def runs(messages: Sequence[Message], places: range) -> Iterator[list[int]]:
    """The places of the tool results of each reply, the oldest reply first."""
    run: list[int] = []
    for place in places:
        if messages[place].role == "tool":
            run.append(place)
        elif run:
            yield run
            run = []
    if run:
        yield run


def folded(result: str, question: frozenset[str]) -> str | None:
    """The lines of a result that bear on the question, in their order; `None` where none does.

    A numbered line brings the heading that says which file it is of.
    """
    lines = result.split("\n")
    worth = {place: len(question & _words(line)) for place, line in enumerate(lines)}
    best = sorted((place for place in worth if worth[place]), key=lambda place: (-worth[place], place))
    kept: set[int] = set()
    left = MOST_TOKENS
    for place in best[:MOST_LINES]:
        more = {place, *_heading(lines, place)} - kept
        cost = sum(text_tokens(lines[each]) for each in more)
        if cost <= left:
            kept |= more
            left -= cost
    return "\n".join(lines[place] for place in sorted(kept)) or None


def _heading(lines: Sequence[str], place: int) -> list[int]:
    if not _NUMBERED.match(lines[place]):
        return []
    above = (each for each in range(place - 1, -1, -1) if lines[each] and not _NUMBERED.match(lines[each]))
    return [next(above, place)]


def _words(text: str) -> frozenset[str]:
    return frozenset(word[:_STEM].lower() for word in _WORD.findall(text))
