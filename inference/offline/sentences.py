"""Lines cut into the sentences that can be quoted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

LONGEST_QUOTE = 400
BLOCK_END = "\u2424"
"""How tools show that a new block of a page begins within a line; no quote reaches over it."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-ZÄÖÜ*`\"'(])")
_GOES_ON = re.compile(
    r"(?:(?<!\d)\d{1,2}|\b(?:[A-Za-z]|Dr|Prof|Mr|Mrs|Ms|St|No|Nr|Art|Abs|Sec|Fig|vs|ca|bzw|inkl|evtl|ggf|usw|etc|"
    r"approx|incl|vgl|Str|Tel|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Okt|Oct|Nov|Dez|Dec|e\.g|i\.e|z\.B|d\.h|u\.a))"
    r"\.$"
)
"""What ends in a full stop and ends no sentence: ordinals, initials and abbreviations."""


def is_whole(shown: str) -> bool:
    """Whether text stands in the file exactly as it was shown."""
    return 0 < len(shown) <= LONGEST_QUOTE and "\\" not in shown and not shown.endswith("…")


def quotable(shown: str) -> Iterable[str]:
    """The sentences of a line that can be quoted; those of different blocks of a page stay apart."""
    if "\\" in shown or shown.endswith("…"):
        return
    for part in shown.split(BLOCK_END):
        for sentence in _sentences(part):
            text = sentence.strip()
            if is_whole(text):
                yield text


def _sentences(text: str) -> Iterator[str]:
    begun = 0
    for end in _SENTENCE_END.finditer(text):
        if not _GOES_ON.search(text, begun, end.start()):
            yield text[begun : end.start()]
            begun = end.end()
    yield text[begun:]
