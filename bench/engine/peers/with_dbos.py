"""DBOS: a loop by hand over the openai client; model calls and tools are durable steps, workers workflows."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from dbos import DBOS
from openai import AsyncOpenAI
from psycopg.conninfo import conninfo_to_dict
from timing import Build, Run, serve

CLIENT = AsyncOpenAI(base_url=sys.argv[1], max_retries=0)


def _tool(name: str, argument: str) -> dict[str, Any]:
    parameters = {"type": "object", "properties": {argument: {"type": "string"}}, "required": [argument]}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": parameters}}


@DBOS.step()
async def ask(messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> dict[str, Any]:
    given: Any = {"messages": messages, "tools": tools}
    reply = await CLIENT.chat.completions.create(model="scripted", **given)
    return reply.choices[0].message.model_dump(exclude_none=True)


@DBOS.step()
async def lookup(query: str) -> str:
    return f"found {query}"


@DBOS.workflow()
async def worker(calls: int, part: str) -> str:
    messages = _opening(f"You are a worker. [calls={calls}]", part)
    while True:
        message = await ask(messages, [_tool("lookup", "query")])
        messages.append(message)
        if not message.get("tool_calls"):
            return message["content"]
        for call in message["tool_calls"]:
            messages.append(_result(call, await lookup(json.loads(call["function"]["arguments"])["query"])))


@DBOS.workflow()
async def lead(width: int, calls: int, task: str) -> str:
    messages = _opening(f"You lead workers. [workers={width}]", task)
    while True:
        message = await ask(messages, [_tool("worker", "part")])
        messages.append(message)
        if not message.get("tool_calls"):
            return message["content"]
        asked = message["tool_calls"]
        parts = [json.loads(call["function"]["arguments"])["part"] for call in asked]
        handles = [await DBOS.start_workflow_async(worker, calls, part) for part in parts]
        results = await asyncio.gather(*(handle.get_result() for handle in handles))
        messages += [_result(call, result) for call, result in zip(asked, results, strict=True)]


def _opening(system: str, task: str) -> list[dict[str, Any]]:
    return [{"role": "system", "content": system}, {"role": "user", "content": task}]


def _result(call: dict[str, Any], content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call["id"], "content": content}


@asynccontextmanager
async def opened() -> AsyncGenerator[Build]:
    at = conninfo_to_dict(os.environ["BENCH_POSTGRES"])
    config: Any = {
        "name": "bench",
        "system_database_url": f"postgresql://{at['user']}:{at['password']}@{at['host']}:{at['port']}/{at['dbname']}",
        "run_admin_server": False,
        "enable_otlp": False,
    }
    DBOS(config=config)
    DBOS.launch()

    def build(width: int, calls: int) -> Run:
        async def run(number: int) -> None:
            task = f"run {number}"
            await (lead(width, calls, task) if width else worker(calls, task))

        return run

    try:
        yield build
    finally:
        DBOS.destroy()


if __name__ == "__main__":
    serve(opened)
