"""The words a text is found by: stems, numbers, names and identifiers."""

from __future__ import annotations

import re
import threading
import unicodedata
from functools import lru_cache
from typing import Protocol, cast

import snowballstemmer

_WORD = re.compile(r"\w+(?:[.:/@#_'\-]+\w+)*")
"""A word, or an identifier made of several: `read_file`, `3.14`, `2024-05-01`, `ann@example.org`."""

_PART = re.compile(r"[^\W_]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0e7f]+")
"""Scripts that put no space between words: Japanese, Chinese, Thai."""

LONGEST = 64
"""Characters of a word that count; longer ones are encoded bytes, not language."""

_STOPPED = """
a about above after again against all also am an and any are aren as at be because been before being below
between both but by can cannot could couldn did didn do does doesn doing don down during each few for from
further had hadn has hasn have haven having he her here hers herself him himself his how i if in into is
isn it its itself just let ll me mightn more most must mustn my myself needn no nor not now of off on once
only or other our ours ourselves out over own re same shan she should shouldn so some such than that the
their theirs them themselves then there these they this those through to too under until up us ve very was
wasn we were weren what when where which while who whom whose why will with won would wouldn you your
yours yourself yourselves
"""

STOPPED = frozenset(_STOPPED.split())
"""English words that say how a sentence is built and not what it is about."""


class _Stemmer(Protocol):
    def stemWord(self, word: str) -> str: ...  # noqa: N802 - the library's own name


_STEMMER = cast("_Stemmer", snowballstemmer.stemmer("english"))  # pyright: ignore[reportUnknownMemberType] - untyped
_STEMMING = threading.Lock()
"""The stemmer keeps the word that it works on."""


def words_of(text: str) -> list[str]:
    """The words a text is found by, in its order, as often as they occur.

    Words are stemmed as English; what is not English is cut a little, alike in texts and questions.
    """
    found: list[str] = []
    for match in _WORD.finditer(_plain(text)):
        found += _of_token(match[0])
    return found


def _plain(text: str) -> str:
    """One form of each character, without accents."""
    if text.isascii():
        return text
    text = text.replace("\u2019", "'")
    parts = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", "".join(part for part in parts if not unicodedata.combining(part)))


def _of_token(token: str) -> list[str]:
    if _UNSPACED.search(token):
        return _pairs(token)
    parts = [piece for part in _PART.findall(token) for piece in _HUMP.split(part)]
    words = [stem for part in parts if (stem := _stem(part.casefold()[:LONGEST]))]
    if len(parts) > 1 and "'" not in token:
        words.append(token.casefold()[:LONGEST])
    return words


def _pairs(token: str) -> list[str]:
    """Neighbouring characters, as is usual where nothing shows where a word ends."""
    pairs: list[str] = []
    for run in re.split(f"({_UNSPACED.pattern})", token):
        if _UNSPACED.fullmatch(run):
            pairs += [run[at : at + 2] for at in range(max(1, len(run) - 1))]
        elif run:
            pairs += _of_token(run)
    return pairs


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    """Empty for a word that says nothing."""
    if word in STOPPED or (len(word) == 1 and not word.isdigit()):
        return ""
    with _STEMMING:
        return str(_STEMMER.stemWord(word))
