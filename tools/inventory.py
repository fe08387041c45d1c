"""Everything in a workspace: what can be read, and what is left out and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tools.kinds import Kind

SkipReason = Literal[
    "binary",
    "too_large",
    "unreadable",
    "special_file",
    "hidden",
    "vendored",
    "link_outside",
    "link_broken",
    "link_loop",
    "link_duplicate",
    "too_deep",
]

SKIP_WORDS: Mapping[SkipReason, str] = {
    "binary": "binary, not text",
    "too_large": "too large",
    "unreadable": "permission denied",
    "special_file": "a device, socket or pipe",
    "hidden": "hidden or version control",
    "vendored": "installed packages or caches",
    "link_outside": "a link that leads outside the folder",
    "link_broken": "a link to nothing",
    "link_loop": "a link in a loop",
    "link_duplicate": "a link to what is listed already",
    "too_deep": "nested too deep",
}

MOST_SKIPPED_NAMED = 1000


@dataclass(frozen=True, kw_only=True)
class WorkspaceFile:
    """A readable file. `path` is relative, safe to show, and accepted back by the workspace."""

    path: str
    kind: Kind
    size: int
    """In bytes."""


@dataclass(frozen=True, kw_only=True)
class SkippedPath:
    path: str
    reason: SkipReason


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """Sorted by path. `skipped` names the first of what was left out; `skip_counts` counts all of it."""

    files: tuple[WorkspaceFile, ...]
    skipped: tuple[SkippedPath, ...] = ()
    skip_counts: Mapping[SkipReason, int] = field(default_factory=dict[SkipReason, int])
    truncated: bool = False
    """Whether the cap on files or folder entries was reached, so that there is more than this."""

    def skip_summary(self) -> str:
        """Such as "3 binary, not text; 1 too large"; empty when nothing was left out."""
        return "; ".join(
            f"{count} {SKIP_WORDS[reason]}" for reason, count in sorted(self.skip_counts.items())
        )


@dataclass
class Findings:
    """An inventory being made."""

    files: list[WorkspaceFile] = field(default_factory=list[WorkspaceFile])
    skipped: list[SkippedPath] = field(default_factory=list[SkippedPath])
    counts: Counter[SkipReason] = field(default_factory=Counter[SkipReason])
    truncated: bool = False

    def skip(self, path: str, reason: SkipReason) -> None:
        self.counts[reason] += 1
        if len(self.skipped) < MOST_SKIPPED_NAMED:
            self.skipped.append(SkippedPath(path=path, reason=reason))

    def inventory(self) -> Inventory:
        return Inventory(
            files=tuple(sorted(self.files, key=lambda file: file.path)),
            skipped=tuple(self.skipped),
            skip_counts=dict(self.counts),
            truncated=self.truncated,
        )
