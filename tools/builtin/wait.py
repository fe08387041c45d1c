"""`wait`: time passes. The agent waits for it as a row, and holds nothing meanwhile."""

from __future__ import annotations

from pydantic import Field

from core.provenance import Trust
from tools.contract import Arguments, ToolContext, ToolResult, ToolSpec

LONGEST_SECONDS = 7 * 24 * 3600


class WaitArguments(Arguments):
    seconds: float = Field(gt=0, le=LONGEST_SECONDS, description="How long to wait.")


class Wait:
    spec = ToolSpec(
        name="wait",
        description="Wait so many seconds, then go on.",
        arguments=WaitArguments,
        privilege="query",
        effect="pure",
    )

    async def run(self, arguments: WaitArguments, context: ToolContext) -> ToolResult:
        return ToolResult(
            content=f"waited {arguments.seconds:g} seconds", trust=Trust.PLATFORM, after=arguments.seconds
        )
