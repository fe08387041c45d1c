"""Citing: whether a task made use of what it was shown, told from what it did and said. No model is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable

ENOUGH = 0.6
"""Of the words of a piece of advice: from this share on, who plans and answers with them has taken it up."""

_WORD = re.compile(r"[^\W_]{4,}")
"""Shorter ones tie any two sentences together."""


def words_of(texts: Iterable[str]) -> frozenset[str]:
    return frozenset(word for text in texts for word in _WORD.findall(text.lower()))


def follows(
    advice: str | None, procedure: tuple[str, ...], *, done: tuple[str, ...], words: frozenset[str]
) -> bool:
    """Whether a task did as a record shows, or speaks with the words of its advice.

    Args:
        advice: what an insight says; an episode says nothing.
        procedure: the tools of a procedure or an episode, in order; advice has none.
        done: those of the task.
        words: what its agents planned, were told, returned and answered.
    """
    if procedure:
        return procedure == done
    wanted = words_of([advice or ""])
    return bool(wanted) and len(wanted & words) >= ENOUGH * len(wanted)
