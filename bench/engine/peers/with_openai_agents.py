"""The OpenAI Agents SDK over chat completions; a worker is a tool that runs another agent."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from openai import AsyncOpenAI
from timing import Build, Run, serve

from agents import Agent, OpenAIChatCompletionsModel, Runner, function_tool, set_tracing_disabled


@function_tool
async def lookup(query: str) -> str:
    """Look something up."""
    return f"found {query}"


@asynccontextmanager
async def opened() -> AsyncGenerator[Build]:
    set_tracing_disabled(True)
    client = AsyncOpenAI(base_url=sys.argv[1], max_retries=0)
    model = OpenAIChatCompletionsModel("scripted", client)

    def build(width: int, calls: int) -> Run:
        worker = Agent(
            name="worker", instructions=f"You are a worker. [calls={calls}]", model=model, tools=[lookup]
        )

        @function_tool(name_override="worker")
        async def delegate(part: str) -> str:
            """Have a worker do a part."""
            return (await Runner.run(worker, part, max_turns=1000)).final_output

        prompt = f"You lead workers. [workers={width}]"
        lead = Agent(name="lead", instructions=prompt, model=model, tools=[delegate]) if width else worker

        async def run(number: int) -> None:
            await Runner.run(lead, f"run {number}", max_turns=1000)

        return run

    yield build


if __name__ == "__main__":
    serve(opened)
