"""Agno; a worker is a tool that runs another agent."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from agno.agent import Agent
from agno.models.openai.like import OpenAILike
from timing import Build, Run, serve


async def lookup(query: str) -> str:
    """Look something up."""
    return f"found {query}"


@asynccontextmanager
async def opened() -> AsyncGenerator[Build]:
    def model() -> OpenAILike:
        return OpenAILike(id="scripted", base_url=sys.argv[1], api_key="not-needed")

    def build(width: int, calls: int) -> Run:
        orders = f"You are a worker. [calls={calls}]"
        member = Agent(name="worker", model=model(), system_message=orders, tools=[lookup], telemetry=False)

        async def worker(part: str) -> str:
            """Have a worker do a part."""
            return (await member.arun(part)).content

        prompt = f"You lead workers. [workers={width}]"
        lead = (
            Agent(name="lead", model=model(), system_message=prompt, tools=[worker], telemetry=False)
            if width
            else member
        )

        async def run(number: int) -> None:
            await lead.arun(f"run {number}")

        return run

    yield build


if __name__ == "__main__":
    serve(opened)
