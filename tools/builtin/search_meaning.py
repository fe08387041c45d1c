"""`search_meaning`: the passages nearest to a question."""

from __future__ import annotations

import asyncio

from pydantic import Field, JsonValue

from tools.builtin.common import Page, counted, file_origins, files_under, numbered, workspace_of
from tools.contract import Arguments, ToolContext, ToolResult, ToolSpec
from tools.meaning import MeaningSearch

_ROOM_FOR_FRAME = 600


class SearchMeaningArguments(Arguments):
    query: str = Field(min_length=1, max_length=2000, description="What to look for, in plain words.")
    path: str = Field(default=".", description="File or folder to search; '.' is everything.")
    limit: int = Field(default=6, ge=1, le=30, description="Most passages to show.")


class SearchMeaning:
    def __init__(self, search: MeaningSearch) -> None:
        self._search = search

    spec = ToolSpec(
        name="search_meaning",
        description="Find the passages that best answer a question. Shows numbered lines, best first.",
        arguments=SearchMeaningArguments,
        privilege="query",
        effect="pure",
        sinks={"path": "path"},
    )

    async def run(self, arguments: SearchMeaningArguments, context: ToolContext) -> ToolResult:
        workspace = workspace_of(context)
        files = await asyncio.to_thread(files_under, workspace, arguments.path)
        ranking = await self._search.rank(
            workspace, arguments.query, paths=[file.path for file in files], limit=arguments.limit
        )
        page = Page(room=context.limits.characters - _ROOM_FOR_FRAME)
        shown: list[JsonValue] = []
        for ranked in ranking.passages:
            passage = ranked.passage
            lines = [numbered(number, line) for number, line in enumerate(passage.lines, passage.first)]
            head = f"{passage.path}:{passage.first}-{passage.last} (score {ranked.score:.2f})"
            if not page.add("\n".join(["", head, *lines])):
                break
            shown.append(
                {
                    "path": passage.path,
                    "first": passage.first,
                    "last": passage.last,
                    "score": ranked.score,
                }
            )
        return ToolResult(
            content=page.text(
                f"{counted(len(shown), 'passage')} from {counted(len(files), 'file')}",
                f"({counted(ranking.unread, 'file')} could not be read)" if ranking.unread else "",
                "(too much text: not everything was searched)" if ranking.partial else "",
            ),
            data={"passages": shown},
            origins=file_origins(ranked.passage.path for ranked in ranking.passages[: len(shown)]),
        )
