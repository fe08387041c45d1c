"""AG2; a worker is a tool that runs another agent."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from ag2 import Agent
from ag2.config import OpenAIConfig
from timing import Build, Run, serve


async def lookup(query: str) -> str:
    """Look something up."""
    return f"found {query}"


@asynccontextmanager
async def opened() -> AsyncGenerator[Build]:
    config = OpenAIConfig(model="scripted", base_url=sys.argv[1], api_key="not-needed", max_retries=0)

    def build(width: int, calls: int) -> Run:
        member = Agent("worker", f"You are a worker. [calls={calls}]", config=config, tools=[lookup])

        async def worker(part: str) -> str:
            """Have a worker do a part."""
            return str((await member.ask(part)).body)

        prompt = f"You lead workers. [workers={width}]"
        lead = Agent("lead", prompt, config=config, tools=[worker]) if width else member

        async def run(number: int) -> None:
            await lead.ask(f"run {number}")

        return run

    yield build


if __name__ == "__main__":
    serve(opened)
