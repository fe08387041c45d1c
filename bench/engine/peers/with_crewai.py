"""CrewAI without a crew; a worker is a tool that runs another agent. Each run has agents of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from crewai import LLM, Agent
from crewai.tools import BaseTool
from timing import Build, Run, serve


class Lookup(BaseTool):
    name: str = "lookup"
    description: str = "Look something up."

    def _run(self, query: str) -> str:
        return f"found {query}"

    async def _arun(self, query: str) -> str:
        return self._run(query)


class Worker(BaseTool):
    name: str = "worker"
    description: str = "Have a worker do a part."
    calls: int

    def _run(self, part: str) -> str:
        return asyncio.run(self._arun(part))

    async def _arun(self, part: str) -> str:
        return (await agent("worker", f"You are a worker. [calls={self.calls}]", Lookup()).akickoff(part)).raw


def agent(role: str, orders: str, tool: BaseTool) -> Agent:
    llm = LLM(model="openai/gpt-4o-mini", base_url=sys.argv[1], api_key="not-needed")
    return Agent(
        role=role,
        goal="done",
        backstory=orders,
        llm=llm,
        tools=[tool],
        max_iter=1000,
        cache=False,
        verbose=False,
    )


@asynccontextmanager
async def opened() -> AsyncGenerator[Build]:
    def build(width: int, calls: int) -> Run:
        async def run(number: int) -> None:
            task = f"run {number}"
            if width:
                await agent("lead", f"You lead workers. [workers={width}]", Worker(calls=calls)).akickoff(
                    task
                )
            else:
                await agent("worker", f"You are a worker. [calls={calls}]", Lookup()).akickoff(task)

        return run

    yield build


if __name__ == "__main__":
    serve(opened)
