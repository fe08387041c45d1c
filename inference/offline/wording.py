"""Words and how near two texts are: all the offline model knows of language."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_][\w'-]*")
"""A sign of a script without spaces is a word of its own."""
_JOINT = re.compile(r"[_\W]+|(?<=[a-z0-9])(?=[A-Z])")
_LEAST_SHARED = 5
_LOWEST_TITLE = 5
_LONGEST_TITLE = 10
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


class Spoken(NamedTuple):
    """A word of a text: its stem (empty where it carries no meaning), and the characters it stands on."""

    stem: str
    start: int
    end: int


def spoken(text: str) -> list[Spoken]:
    """All words of a text in order."""
    return [
        Spoken(_stem(match[0]) if _means(match[0]) else "", match.start(), match.end())
        for match in _WORD.finditer(text.lower())
    ]


def words(text: str) -> list[str]:
    """Lower-case words that carry meaning, roughly stemmed, in order."""
    return [_stem(word) for word in _WORD.findall(text.lower()) if _means(word)]


def named(name: str) -> list[str]:
    """The words of a name written as snake_case, kebab-case or camelCase."""
    return words(_JOINT.sub(" ", name))


LABELLED = 0.01
"""The relevance of lines that are returned because they name a value."""
_LABELLED = re.compile(
    r"\s*(?:[-*+>]\s+|\|\s*)?[*_`\"']{0,3}(?P<label>[^\W\d][\w .()/-]{0,60}?)[*_`\"']{0,3}\s*"
    r"(?:[:=]|\s\|\s)\s*[*_`]{0,3}\s*(?P<value>\S.*?)[\s|]*"
)
_LONGEST_LABEL = 5


class Labelled(NamedTuple):
    """A line that names a value, such as `**Duration:** 47 minutes` or `MAX_ATTEMPTS = 6`."""

    label: str
    value: str


def labelled(line: str) -> Labelled | None:
    found = _LABELLED.fullmatch(line)
    if found is None or len(found["label"].split()) > _LONGEST_LABEL:
        return None
    return Labelled(label=found["label"].strip(), value=found["value"].strip("*_ "))


def is_section(line: str) -> bool:
    """Whether a line is a heading of Markdown."""
    return bool(re.match(r"#{1,6} +\S", line))


def said_words(text: str) -> list[str]:
    """The words of a text, and those its identifiers are made of."""
    whole = words(text)
    return [*whole, *(word for word in named(text) if word not in whole)]


def among(word: str, present: Collection[str]) -> bool:
    """Whether a stem is there, or one that begins as it does, such as `effect` for `effectiv`."""
    if word in present:
        return True
    return any(
        min(len(word), len(other)) >= _LEAST_SHARED and (word.startswith(other) or other.startswith(word))
        for other in present
    )


def subject(question: str) -> frozenset[str]:
    """The words of a question that say what it is about."""
    return frozenset(words(question)) - _BROAD - _ASKING


def is_broad(question: str) -> bool:
    """Whether it asks for what there is, and not for anything in particular."""
    return _BROAD.issuperset(words(question))


def is_title(line: int, text: str) -> bool:
    """Whether a line, by its number and looks, may be the title of its file."""
    return line <= _LOWEST_TITLE and len(words(text)) <= _LONGEST_TITLE and not re.search(r"[:;=.,|]", text)


def _means(word: str) -> bool:
    return word not in _COMMON and (len(word) > 1 or word > "\u3000")


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

_ASKING = frozenset(
    _stem(word)
    for word in (
        *("according", "all", "calculate", "compute", "date", "detail", "determine", "exact", "exactly"),
        *("extract", "fact", "fill", "find", "following", "get", "information", "know", "known", "list"),
        *("average", "compute", "sum", "total"),
        *("long", "look", "make", "name", "need", "number", "often", "please", "question", "return", "state"),
        *("take", "use", "used", "value", "want", "whole"),
    )
)
"""Words that ask, and say nothing of what is asked about."""


def nearness(question: Iterable[str], text: str) -> float:
    """Share of the question's words that the text has, 0 to 1; a long text needs more of them."""
    asked = set(question)
    if not asked:
        return 0.0
    present = words(text)
    if not present:
        return 0.0
    shared = len(asked & set(said_words(text)))
    return shared / len(asked) * min(1.0, 0.5 + 8 / max(8, len(present)))
