"""Whether a value may go where it could do harm (law 7)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from core.errors import ToolDenied

DenialReason = Literal[
    "unknown_tool",
    "tool_not_granted",
    "path_not_granted",
    "host_not_granted",
    "tainted_argument",
    "no_workspace",
]


class Denied(ToolDenied):
    """A refusal with a stable reason; the message begins with it."""

    def __init__(self, reason: DenialReason, message: str) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason: DenialReason = reason


@dataclass(frozen=True, kw_only=True)
class TaintCheck:
    """What the user wrote: the only words that may reach a sensitive sink unlisted and unapproved."""

    trusted_texts: tuple[str, ...] = ()
    approved: bool = False
    """Whether a person has seen the call's arguments, or will before it runs."""

    def wrote(self, value: str | int | float) -> bool:
        """Whether the value stands, whole and delimited, in the trusted texts."""
        text = _number(value) if isinstance(value, float) else str(value)
        text = text.strip()
        if not text:
            return False
        whole = re.compile(rf"(?<![\w@+\-/:.]){re.escape(text)}(?![\w@]|[.\-/:?#=&%+,]+\w)")
        return any(whole.search(trusted) is not None for trusted in self.trusted_texts)


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
