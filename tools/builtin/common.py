"""What the tools over a workspace share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from core.provenance import Origin
from core.text import clipped
from tools.contract import ToolContext
from tools.inventory import WorkspaceFile
from tools.names import shown_line
from tools.taint import Denied
from tools.workspace import Workspace

LONGEST_LINE = 2000
"""Longer lines are shown up to here."""


def workspace_of(context: ToolContext) -> Workspace:
    if context.workspace is None:
        raise Denied("no_workspace", "this task has no workspace folder")
    return context.workspace


def file_origins(paths: Iterable[str]) -> tuple[Origin, ...]:
    return tuple(Origin(kind="file", id=path) for path in dict.fromkeys(paths))


def numbered(number: int, line: str) -> str:
    """A line as it is shown: its number, a tab, its text."""
    return f"{number}\t{clipped(shown_line(line), LONGEST_LINE)}"


def files_under(workspace: Workspace, path: str) -> tuple[WorkspaceFile, ...]:
    """The listed files in a folder, or the one file at the path. Raises `ToolError` when there is none."""
    folder = workspace.folder(path)
    if folder is None:
        return (workspace.file(path),)
    files = workspace.inventory().files
    return files if folder == "." else tuple(file for file in files if file.path.startswith(folder + "/"))


@dataclass
class Page:
    """Lines of a result up to a number of characters."""

    room: int
    lines: list[str] = field(default_factory=list[str])
    full: bool = False

    def add(self, line: str) -> bool:
        """Whether the line still fitted; once one did not, none does."""
        self.room -= len(line) + 1
        self.full = self.full or self.room < 0
        if not self.full:
            self.lines.append(line)
        return not self.full

    def text(self, head: str, *tail: str) -> str:
        return "\n".join([head, *self.lines, *(line for line in tail if line)])


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
