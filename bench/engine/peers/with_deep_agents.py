"""Deep Agents: workers are its subagents, called by its own `task` tool."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from deepagents import create_deep_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from timing import Build, Run, serve


@tool
async def lookup(query: str) -> str:
    """Look something up."""
    return f"found {query}"


@asynccontextmanager
async def opened() -> AsyncGenerator[Build]:
    model = ChatOpenAI(model="scripted", base_url=sys.argv[1], max_retries=0)

    def build(width: int, calls: int) -> Run:
        orders = f"You are a worker. [calls={calls}]"
        if width:
            worker = {
                "name": "worker",
                "description": "Does a part.",
                "system_prompt": orders,
                "tools": [lookup],
                "model": model,
            }
            prompt = f"You lead workers. [workers={width}]"
            agent = create_deep_agent(model=model, tools=[], system_prompt=prompt, subagents=[worker])
        else:
            agent = create_deep_agent(model=model, tools=[lookup], system_prompt=orders)

        async def run(number: int) -> None:
            task = {"messages": [{"role": "user", "content": f"run {number}"}]}
            await agent.ainvoke(task, {"recursion_limit": 1000})

        return run

    yield build


if __name__ == "__main__":
    serve(opened)
