"""`read_file`: a range of lines of any readable kind, PDF and HTML as text."""

from __future__ import annotations

import asyncio
from itertools import islice

from pydantic import Field

from core.errors import ToolInputInvalid
from tools.builtin.common import Page, file_origins, numbered, workspace_of
from tools.contract import Arguments, ToolContext, ToolResult, ToolSpec
from tools.names import shown_name
from tools.workspace import LineStream, Workspace

_ROOM_FOR_FRAME = 600


class ReadFileArguments(Arguments):
    path: str = Field(description="File to read, as listed.")
    start: int = Field(default=1, ge=1, description="First line.")
    lines: int = Field(default=200, ge=1, le=2000, description="How many lines.")
    page: int | None = Field(default=None, ge=1, description="For a PDF: start at this page instead.")


class ReadFile:
    spec = ToolSpec(
        name="read_file",
        description="Read a file (text, PDF or HTML) as numbered lines, from a start line.",
        arguments=ReadFileArguments,
        privilege="query",
        effect="pure",
        sinks={"path": "path"},
    )

    async def run(self, arguments: ReadFileArguments, context: ToolContext) -> ToolResult:
        workspace = workspace_of(context)
        return await asyncio.to_thread(_read, workspace, arguments, context.limits.characters)


def _read(workspace: Workspace, arguments: ReadFileArguments, characters: int) -> ToolResult:
    start = arguments.start
    if arguments.page is not None:
        start = _page_start(workspace, arguments.path, arguments.page)
    with workspace.stream(arguments.path) as stream:
        page, following = _window(stream, start, arguments.lines, characters - _ROOM_FOR_FRAME)
    shown = len(page.lines)
    name = shown_name(arguments.path)
    if shown:
        head = f"{name} lines {start}-{start + shown - 1} ({stream.kind})"
    else:
        head = f"{name} is empty" if start == 1 else f"{name} has no line {start}"
    foot = f"(more: call read_file with start={following})" if following else "(end of file)"
    return ToolResult(
        content=page.text(head, *(f"({note})" for note in stream.notes), foot if shown else ""),
        data={"path": name, "first": start, "lines": shown, "next": following},
        origins=file_origins([name]),
    )


def _window(stream: LineStream, start: int, count: int, room: int) -> tuple[Page, int | None]:
    """The lines that fit, and the number of the next line if there is one."""
    page = Page(room=room)
    following = start
    for number, line in enumerate(islice(stream.lines, start - 1, start + count), start):
        following = number
        if number >= start + count or not page.add(numbered(number, line)):
            return page, following
    return page, None


def _page_start(workspace: Workspace, path: str, page: int) -> int:
    document = workspace.text(path)
    if document.kind != "pdf":
        raise ToolInputInvalid("only a PDF has pages: use start instead of page")
    try:
        return document.lines.index(f"[page {page}]") + 1
    except ValueError as error:
        pages = sum(line.startswith("[page ") for line in document.lines)
        raise ToolInputInvalid(f"this PDF has {pages} pages") from error
