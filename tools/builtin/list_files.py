"""`list_files`: what there is to read."""

from __future__ import annotations

import asyncio
from fnmatch import fnmatch

from pydantic import Field, JsonValue

from core.provenance import Origin
from tools.builtin.common import Page, counted, files_under, workspace_of
from tools.contract import Arguments, ToolContext, ToolResult, ToolSpec
from tools.inventory import Inventory
from tools.names import shown_name
from tools.workspace import Workspace

_ROOM_FOR_FOOT = 1000


class ListFilesArguments(Arguments):
    path: str = Field(default=".", description="Folder to list; '.' is everything.")
    name: str | None = Field(
        default=None, max_length=100, description="Only names like this, such as '*.md'."
    )
    start: int = Field(default=1, ge=1, description="Number of the first file to show.")
    limit: int = Field(default=200, ge=1, le=1000, description="Most files to show.")


class ListFiles:
    spec = ToolSpec(
        name="list_files",
        description="List the files you can read, with kind and size in bytes.",
        arguments=ListFilesArguments,
        privilege="query",
        effect="pure",
        sinks={"path": "path"},
    )

    async def run(self, arguments: ListFilesArguments, context: ToolContext) -> ToolResult:
        workspace = workspace_of(context)
        return await asyncio.to_thread(_list, workspace, arguments, context.limits.characters)


def _list(workspace: Workspace, arguments: ListFilesArguments, characters: int) -> ToolResult:
    inventory = workspace.inventory()
    found = [
        file
        for file in files_under(workspace, arguments.path)
        if arguments.name is None or fnmatch(file.path.rpartition("/")[2], arguments.name)
    ]
    page = Page(room=characters - _ROOM_FOR_FOOT)
    first = arguments.start - 1
    shown: list[JsonValue] = []
    for file in found[first : first + arguments.limit]:
        if not page.add(f"{file.path}\t{file.kind}\t{file.size}"):
            break
        shown.append({"path": file.path, "kind": file.kind, "size": file.size})
    following = first + len(shown) + 1
    more = f"(more: call list_files with start={following})" if following <= len(found) else ""
    return ToolResult(
        content=page.text(counted(len(found), "file"), more, _cap(inventory), _skipped(inventory)),
        data={
            "files": shown,
            "total": len(found),
            "truncated": inventory.truncated,
        },
        origins=(Origin(kind="file", id=shown_name(arguments.path)),),
    )


def _cap(inventory: Inventory) -> str:
    return (
        "(the folder holds more files than can be listed; these are the first)" if inventory.truncated else ""
    )


def _skipped(inventory: Inventory) -> str:
    summary = inventory.skip_summary()
    return f"(left out: {summary})" if summary else ""
