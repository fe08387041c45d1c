"""`write_artifact`: keep a text under a name; it crosses to others as a handle only."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from core.provenance import Trust
from tools.contract import Arguments, NewArtifact, ToolContext, ToolResult, ToolSpec

MOST_CHARACTERS = 200_000

Format = Literal["text", "markdown", "csv", "json"]
_FORMATS: dict[Format, tuple[str, str]] = {
    "text": (".txt", "text/plain"),
    "markdown": (".md", "text/markdown"),
    "csv": (".csv", "text/csv"),
    "json": (".json", "application/json"),
}


class WriteArtifactArguments(Arguments):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$", description="Letters, digits, _ and -.")
    content: str = Field(min_length=1, max_length=MOST_CHARACTERS, description="The text to keep.")
    format: Format = Field(default="markdown", description="What kind of text it is.")


class WriteArtifact:
    spec = ToolSpec(
        name="write_artifact",
        description="Save a text you wrote, such as a report or table, as a named artifact.",
        arguments=WriteArtifactArguments,
        privilege="query",
        effect="keyed",
    )

    async def run(self, arguments: WriteArtifactArguments, context: ToolContext) -> ToolResult:
        suffix, media_type = _FORMATS[arguments.format]
        content = arguments.content.encode("utf-8", "replace")
        artifact = NewArtifact(
            name=arguments.name + suffix, media_type=f"{media_type}; charset=utf-8", content=content
        )
        return ToolResult(
            content=f"saved {artifact.name} ({len(content):,} bytes)",
            data={"name": artifact.name, "bytes": len(content)},
            trust=Trust.DERIVED,
            artifacts=(artifact,),
        )
