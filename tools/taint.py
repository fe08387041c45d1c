"""Whether a value may go where it could do harm (law 7)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from core.errors import ToolDenied
from core.grant import Sink

DenialReason = Literal[
    "unknown_tool",
    "tool_not_granted",
    "path_not_granted",
    "host_not_granted",
    "tainted_argument",
    "no_workspace",
]

Source = Literal["user", "allowed"]
"""Why a value may reach a sink: the user wrote it, or it is on an allow-list."""

_BEFORE = r"(?<![\w@+\-/:.])"
_AFTER = r"(?![\w@]|[.\-/:?#=&%+,]+\w)"
_NUMBER = re.compile(rf"{_BEFORE}-?(?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?:\.\d+)?{_AFTER}")


class Denied(ToolDenied):
    """A refusal with a stable reason; the message begins with it."""

    def __init__(self, reason: DenialReason, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason: DenialReason = reason


@dataclass(frozen=True, kw_only=True)
class TaintCheck:
    """What may reach a sensitive sink: the user's words, what is allowed, and what a person approved.

    A string is compared as it stands, white space around it left out, because the tool gets it as it stands;
    look-alike letters are other letters. In `content`, runs of white space count as one space. A number is
    compared by its value: 1200.0 is what the user wrote as 1,200.
    """

    trusted_texts: tuple[str, ...] = ()
    allowed: frozenset[str] = frozenset()
    """`sink:value` each."""
    approved: bool = False
    """Whether a person has seen the call's arguments, or will before it runs."""

    def source(self, sink: Sink, value: str | float) -> Source | None:
        """Why the value may go to this sink; None where nothing says so."""
        text = _text(value)
        if f"{sink}:{text}" in self.allowed:
            return "allowed"
        if sink == "content" and not text:
            return "user"
        return "user" if self.wrote(value, loose=sink == "content") else None

    def wrote(self, value: str | float, *, loose: bool = False) -> bool:
        """Whether the value stands, whole and delimited, in the trusted texts."""
        text = _spaced(_text(value)) if loose else _text(value)
        if not text:
            return False
        whole = re.compile(f"{_BEFORE}{re.escape(text)}{_AFTER}")
        texts = (_spaced(trusted) if loose else trusted for trusted in self.trusted_texts)
        if any(whole.search(trusted) is not None for trusted in texts):
            return True
        return not isinstance(value, str) and float(value) in self._numbers()

    def _numbers(self) -> Iterator[float]:
        for trusted in self.trusted_texts:
            for found in _NUMBER.finditer(trusted):
                yield float(found[0].replace(",", ""))


def _text(value: str | float) -> str:
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value).strip()


def _spaced(text: str) -> str:
    return " ".join(text.split())
