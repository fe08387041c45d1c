"""`http_get`: a page from an allowed host. Only offered where the grant names hosts."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import Field

from core.provenance import Origin
from tools.builtin.common import Page, numbered
from tools.contract import Arguments, NewArtifact, ToolContext, ToolResult, ToolSpec
from tools.document import with_line_feeds
from tools.names import shown_line
from tools.readers.html import read_html

if TYPE_CHECKING:
    from tools.fetch import FetchedPage, Fetcher

_ROOM_FOR_FRAME = 1000


class HttpGetArguments(Arguments):
    url: str = Field(min_length=1, max_length=2048, description="http or https URL on an allowed host.")
    start: int = Field(default=1, ge=1, description="First line to show.")


class HttpGet:
    def __init__(self, fetcher: Fetcher | None = None) -> None:
        self._fetcher = fetcher

    spec = ToolSpec(
        name="http_get",
        description="Fetch a web page or JSON from an allowed host, as text.",
        arguments=HttpGetArguments,
        privilege="query",
        effect="pure",
        external=True,
        sinks={"url": "url"},
        seconds=30.0,
    )

    async def run(self, arguments: HttpGetArguments, context: ToolContext) -> ToolResult:
        page = await self._opened().get(arguments.url, context.capabilities.hosts)
        text = await asyncio.to_thread(_text, page)
        lines = text.split("\n")
        shown = Page(room=context.limits.characters - _ROOM_FOR_FRAME)
        for number, line in enumerate(lines[arguments.start - 1 :], arguments.start):
            if not shown.add(numbered(number, line)):
                break
        following = arguments.start + len(shown.lines)
        more = f"(more: call http_get with start={following})" if shown.full else ""
        url = shown_line(page.url)
        return ToolResult(
            content=shown.text(
                f"{url} status {page.status} ({page.media_type})",
                "(the page was cut: it is too large)" if page.truncated else "",
                more,
            ),
            data={"url": url, "status": page.status, "lines": len(lines)},
            origins=(Origin(kind="web", id=url),),
            artifacts=(
                NewArtifact(
                    name="page.txt",
                    media_type="text/plain; charset=utf-8",
                    content=text.encode("utf-8", "replace"),
                ),
            ),
        )

    def _opened(self) -> Fetcher:
        """Its HTTP client takes a tenth of a second to import, and most tasks never leave the machine."""
        if self._fetcher is None:
            from tools.fetch import Fetcher

            self._fetcher = Fetcher()
        return self._fetcher


def _text(page: FetchedPage) -> str:
    try:
        text = page.body.decode(page.charset, errors="replace")
    except LookupError:
        text = page.body.decode("utf-8", errors="replace")
    text = with_line_feeds(text.removeprefix("\ufeff"))
    return read_html(text).text if "html" in page.media_type else text
