"""Words and how near two texts are: all the offline model knows of language."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_][\w'-]*")
"""A sign of a script without spaces is a word of its own."""
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
    return [
        _stem(word)
        for word in _WORD.findall(text.lower())
        if word not in _COMMON and (len(word) > 1 or word > "\u3000")
    ]


def is_broad(question: str) -> bool:
    """Whether it asks for what there is, and not for anything in particular."""
    return _BROAD.issuperset(words(question))


def _stem(word: str) -> str:
    for ending in ("ing", "ies", "ied", "es", "ed", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending in {"ies", "ied"} else "")
    return word


_BROAD = frozenset(
    _stem(word)
    for word in (
        *("content", "describe", "document", "explain", "file", "folder", "gist", "give", "highlight", "key"),
        *("main", "me", "outline", "overview", "please", "point", "project", "read", "repo", "repository"),
        *("say", "show", "summarise", "summarize", "summary", "tell", "text", "topic", "write"),
    )
)
"""Words that name no subject."""


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
