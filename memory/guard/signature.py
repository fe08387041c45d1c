"""Action signatures: what a record did, in a form that can be compared across tasks.

Which file was read differs between any two honest tasks, so targets count only by class: the
host of an address, the suffix of a file name. That an effect or a foreign host appears at all is
what tells a poisoned record from its siblings.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from memory.guard.model import Action

TOOL_SHARE = 0.7
"""Weight of the tools used against their targets' classes: a task on other file types is still alike."""

_MAIL = re.compile(r"(mailto:)?[^\s@/]+@[^\s@/]+\.[^\s@/]+")


@dataclass(frozen=True, kw_only=True)
class Signature:
    """`sensitive` holds what reaches outside or cannot be repeated: (tool, host or effect)."""

    tools: frozenset[tuple[str, str]]
    targets: frozenset[tuple[str, str]]
    sensitive: frozenset[tuple[str, str]]


def sign(actions: Iterable[Action]) -> Signature:
    actions = tuple(actions)
    return Signature(
        tools=frozenset((action.tool, action.effect) for action in actions),
        targets=frozenset((action.tool, _target_class(action.target)) for action in actions),
        sensitive=frozenset(
            (action.tool, _host(action.target) or action.effect)
            for action in actions
            if action.effect == "unsafe" or _host(action.target)
        ),
    )


def similarity(one: Signature, other: Signature) -> float:
    """0 where nothing is shared, 1 where tools and target classes are the same."""
    tools = _jaccard(one.tools, other.tools)
    return TOOL_SHARE * tools + (1 - TOOL_SHARE) * _jaccard(one.targets, other.targets)


def _jaccard(one: frozenset[tuple[str, str]], other: frozenset[tuple[str, str]]) -> float:
    either = one | other
    return len(one & other) / len(either) if either else 1.0


def _host(target: str) -> str:
    """The host of a URL or a mail address; empty for anything else."""
    if "://" not in target:
        return target.rpartition("@")[2].lower() if _MAIL.fullmatch(target) else ""
    try:
        return urlsplit(target).hostname or "nowhere"
    except ValueError:
        return "unreadable"


def _target_class(target: str) -> str:
    return _host(target) or PurePosixPath(target).suffix.lower() or ("" if not target else "plain")
