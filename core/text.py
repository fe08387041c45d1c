"""Small helpers for text that came from outside."""

from __future__ import annotations

import unicodedata


def printable(text: str) -> str:
    """The text without control and format characters, newline and tab excepted."""
    return "".join(
        character
        for character in text
        if character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn"}
    )


def clipped(text: str, limit: int) -> str:
    """At most `limit` characters, with an ellipsis where something was cut."""
    return text if len(text) <= limit else text[: max(0, limit - 1)] + "…"
