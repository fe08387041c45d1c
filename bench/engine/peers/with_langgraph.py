"""LangGraph's ready-made agent, in memory or with its Postgres checkpointer for lead and workers alike."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import uuid4

from langchain.agents import create_agent
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from timing import Build, Run, serve


@tool
async def lookup(query: str) -> str:
    """Look something up."""
    return f"found {query}"


@asynccontextmanager
async def opened() -> AsyncGenerator[Build]:
    model = ChatOpenAI(model="scripted", base_url=sys.argv[1], max_retries=0)
    async with AsyncExitStack() as stack:
        saver: Any = None
        if os.environ["BENCH_DURABLE"]:
            pool: Any = AsyncConnectionPool(
                os.environ["BENCH_POSTGRES"],
                max_size=16,
                open=False,
                kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
            )
            await stack.enter_async_context(pool)
            saver = AsyncPostgresSaver(pool)
            await saver.setup()

        def build(width: int, calls: int) -> Run:
            prompt = f"You are a worker. [calls={calls}]"
            worker = create_agent(model, [lookup], system_prompt=prompt, checkpointer=saver)

            @tool("worker")
            async def delegate(part: str) -> str:
                """Have a worker do a part."""
                return (await _invoked(worker, part))["messages"][-1].content

            prompt = f"You lead workers. [workers={width}]"
            lead = (
                create_agent(model, [delegate], system_prompt=prompt, checkpointer=saver) if width else worker
            )

            async def run(number: int) -> None:
                await _invoked(lead, f"run {number}")

            return run

        yield build


async def _invoked(agent: Any, task: str) -> Any:
    """On a thread of its own; the limit counts steps."""
    config = {"configurable": {"thread_id": str(uuid4())}, "recursion_limit": 1000}
    return await agent.ainvoke({"messages": [{"role": "user", "content": task}]}, config)


if __name__ == "__main__":
    serve(opened)
