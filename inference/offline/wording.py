"""Words and how near two texts are: all the offline model knows of language."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_'-]*")
_COMMON = frozenset(
    [
        "a",
        "about",
        "all",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "each",
        "for",
        "from",
        "had",
        "has",
        "have",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "many",
        "may",
        "more",
        "most",
        "much",
        "must",
        "my",
        "no",
        "not",
        "of",
        "on",
        "one",
        "or",
        "our",
        "over",
        "shall",
        "should",
        "so",
        "some",
        "such",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "to",
        "under",
        "up",
        "us",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "whose",
        "why",
        "will",
        "with",
        "would",
        "you",
        "your",
    ]
)


def words(text: str) -> list[str]:
    """Lower-case words that carry meaning, roughly stemmed, in order."""
    return [_stem(word) for word in _WORD.findall(text.lower()) if word not in _COMMON and len(word) > 1]


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "ied", "es", "ed", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending in {"ies", "ied"} else "")
    return word


def nearness(question: Iterable[str], text: str) -> float:
    """Share of the question's words that the text has, 0 to 1; a long text needs more of them."""
    asked = set(question)
    if not asked:
        return 0.0
    present = words(text)
    if not present:
        return 0.0
    shared = len(asked & set(present))
    return shared / len(asked) * min(1.0, 0.5 + 8 / max(8, len(present)))
