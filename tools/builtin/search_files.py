"""`search_files`: a regular expression over lines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pydantic import Field, JsonValue

from core.errors import ToolError, ToolInputInvalid
from core.regex import Matcher, PatternInvalid
from tools.builtin.common import Page, counted, file_origins, files_under, workspace_of
from tools.contract import Arguments, ToolContext, ToolResult, ToolSpec
from tools.inventory import WorkspaceFile
from tools.names import shown_line
from tools.workspace import Workspace

MOST_SECONDS = 20.0
SCANNED_PER_LINE = 20_000
"""Characters of one line that are searched; a match further on is not found."""
_SHOWN_PER_LINE = 300
_ROOM_FOR_FRAME = 600


class SearchFilesArguments(Arguments):
    pattern: str = Field(min_length=1, description="Regular expression to look for in each line.")
    path: str = Field(default=".", description="File or folder to search; '.' is everything.")
    ignore_case: bool = Field(default=True, description="Treat upper and lower case alike.")
    limit: int = Field(default=50, ge=1, le=500, description="Most matching lines to show.")


class SearchFiles:
    spec = ToolSpec(
        name="search_files",
        description="Find lines that match a regular expression. Shows file:line: text.",
        arguments=SearchFilesArguments,
        privilege="query",
        effect="pure",
        sinks={"path": "path"},
    )

    async def run(self, arguments: SearchFilesArguments, context: ToolContext) -> ToolResult:
        workspace = workspace_of(context)
        try:
            matcher = Matcher(arguments.pattern, ignore_case=arguments.ignore_case)
        except PatternInvalid as error:
            raise ToolInputInvalid(f"pattern: {error}") from error
        return await asyncio.to_thread(_search, workspace, arguments, matcher, context.limits.characters)


@dataclass(frozen=True)
class _Match:
    path: str
    line: int
    text: str


def _search(
    workspace: Workspace, arguments: SearchFilesArguments, matcher: Matcher, characters: int
) -> ToolResult:
    search = _Search(workspace, matcher)
    page = Page(room=characters - _ROOM_FOR_FRAME)
    matches: list[_Match] = []
    more = False
    for match in search.run(files_under(workspace, arguments.path)):
        more = len(matches) >= arguments.limit or not page.add(f"{match.path}:{match.line}: {match.text}")
        if more:
            break
        matches.append(match)
    found: list[JsonValue] = [{"path": match.path, "line": match.line} for match in matches]
    return ToolResult(
        content=page.text(
            f"{counted(len(matches), 'matching line')} in {counted(search.read, 'file')}",
            "(there are more: narrow the pattern or the path)" if more else "",
            f"(stopped after {MOST_SECONDS:g} seconds: narrow the path)" if search.late else "",
            f"({counted(search.unread, 'file')} could not be read)" if search.unread else "",
        ),
        data={"matches": found, "more": more or search.late, "unread": search.unread},
        origins=file_origins(match.path for match in matches),
    )


class _Search:
    def __init__(self, workspace: Workspace, matcher: Matcher) -> None:
        self._workspace = workspace
        self._matcher = matcher
        self._deadline = time.monotonic() + MOST_SECONDS
        self.read = 0
        self.unread = 0
        self.late = False

    def run(self, files: Iterable[WorkspaceFile]) -> Iterator[_Match]:
        for file in files:
            if self.late:
                return
            try:
                yield from self._file(file)
            except ToolError:
                self.unread += 1

    def _file(self, file: WorkspaceFile) -> Iterator[_Match]:
        with self._workspace.stream(file.path) as stream:
            self.read += 1
            for number, line in enumerate(stream.lines, 1):
                if self._matcher.may_match(line):
                    end = self._matcher.search(line[:SCANNED_PER_LINE])
                    if end is not None:
                        yield _Match(file.path, number, _excerpt(line, end))
                if number % 256 == 0 and time.monotonic() > self._deadline:
                    self.late = True
                    return
        self.late = self.late or time.monotonic() > self._deadline


def _excerpt(line: str, end: int) -> str:
    """The line, or what stands around the match in a long one."""
    if len(line) <= _SHOWN_PER_LINE:
        return shown_line(line)
    first = max(0, end - _SHOWN_PER_LINE * 2 // 3)
    last = first + _SHOWN_PER_LINE
    return f"{'…' if first else ''}{shown_line(line[first:last])}{'…' if last < len(line) else ''}"
