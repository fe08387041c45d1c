"""`survey_files`: which files are nearest to a goal, in names and numbers only; no content comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import islice

from pydantic import Field, JsonValue

from core.errors import ToolError
from core.provenance import Origin
from tools.builtin.common import counted, workspace_of
from tools.contract import Arguments, ToolContext, ToolResult, ToolSpec
from tools.inventory import WorkspaceFile
from tools.meaning import MeaningSearch
from tools.workspace import Workspace

MOST_REMARKS = 10


class SurveyFilesArguments(Arguments):
    goal: str = Field(min_length=1, max_length=2000, description="What the files are wanted for.")
    limit: int = Field(default=40, ge=1, le=200, description="Most files to name, nearest first.")


class SurveyFiles:
    """For agents that plan: their prompt holds typed values, so the projection carries all there is."""

    spec = ToolSpec(
        name="survey_files",
        description="Rank the files by how near they are to a goal, from 0 to 1.",
        arguments=SurveyFilesArguments,
        privilege="query",
        effect="pure",
        output_schema={
            "type": "object",
            "properties": {
                "files": {"type": "array"},
                "total": {"type": "integer"},
                "truncated": {"type": "boolean"},
                "left_out": {"type": "string"},
                "remarks": {"type": "array"},
            },
        },
    )

    def __init__(self, search: MeaningSearch) -> None:
        self._search = search

    async def run(self, arguments: SurveyFilesArguments, context: ToolContext) -> ToolResult:
        workspace = workspace_of(context)
        inventory = await asyncio.to_thread(workspace.inventory)
        scores = await self._search.score_files(workspace, arguments.goal)
        nearest = sorted(inventory.files, key=lambda file: (-scores.get(file.path, 0.0), file.path))
        named = nearest[: arguments.limit]
        remarks = await asyncio.to_thread(lambda: list(islice(_remarks(workspace, named), MOST_REMARKS)))
        pages = await asyncio.to_thread(_pages, workspace, named)
        files: list[JsonValue] = [
            {
                "path": file.path,
                "kind": file.kind,
                "size": file.size,
                "score": round(min(1.0, max(0.0, scores.get(file.path, 0.0))), 4),
                **({"pages": pages[file.path]} if file.path in pages else {}),
            }
            for file in named
        ]
        return ToolResult(
            content=f"{counted(len(files), 'file')} of {len(inventory.files):,} surveyed",
            data={
                "files": files,
                "total": len(inventory.files),
                "truncated": inventory.truncated,
                "left_out": inventory.skip_summary(),
                "remarks": list[JsonValue](remarks),
            },
            origins=(Origin(kind="file", id="."),),
        )


def _remarks(workspace: Workspace, files: Iterable[WorkspaceFile]) -> Iterator[str]:
    """What a reader of the answer must know of these files: guessed encodings, and what cannot be read."""
    for file in files:
        try:
            notes = workspace.text(file.path).notes
        except ToolError as error:
            yield str(error)
        else:
            yield from (f"{file.path}: {note}" for note in notes)


def _pages(workspace: Workspace, files: Iterable[WorkspaceFile]) -> dict[str, list[JsonValue]]:
    """The lines that pages of PDFs begin on, so that a line of their text can be cited by its page."""
    found: dict[str, list[JsonValue]] = {}
    for file in files:
        if file.kind == "pdf":
            with suppress(ToolError):
                found[file.path] = list[JsonValue](workspace.text(file.path).pages)
    return found
