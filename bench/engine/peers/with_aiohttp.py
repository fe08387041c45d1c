"""No framework: the loop by hand over aiohttp. It is the floor, not a competitor."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from timing import Build, Run, serve

LOOKUP = {
    "type": "function",
    "function": {
        "name": "lookup",
        "description": "Look something up.",
        "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]},
    },
}
WORKER = {
    "type": "function",
    "function": {
        "name": "worker",
        "description": "Have a worker do a part.",
        "parameters": {"type": "object", "properties": {"part": {"type": "string"}}, "required": ["part"]},
    },
}


@asynccontextmanager
async def opened() -> AsyncGenerator[Build]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def agent(system: str, task: str, tool: dict[str, Any], use: Any) -> str:
            messages: list[dict[str, Any]] = [
                {"role": "system", "content": system},
                {"role": "user", "content": task},
            ]
            while True:
                body = {"model": "scripted", "messages": messages, "tools": [tool]}
                async with session.post(f"{sys.argv[1]}/chat/completions", json=body) as response:
                    message = (await response.json())["choices"][0]["message"]
                messages.append(message)
                if not message.get("tool_calls"):
                    return message["content"]
                asked = message["tool_calls"]
                results = await asyncio.gather(*(use(json.loads(c["function"]["arguments"])) for c in asked))
                messages += [
                    {"role": "tool", "tool_call_id": call["id"], "content": result}
                    for call, result in zip(asked, results, strict=True)
                ]

        async def lookup(arguments: dict[str, str]) -> str:
            return f"found {arguments['query']}"

        def build(width: int, calls: int) -> Run:
            async def worker(arguments: dict[str, str]) -> str:
                return await agent(f"You are a worker. [calls={calls}]", arguments["part"], LOOKUP, lookup)

            async def run(number: int) -> None:
                task = f"run {number}"
                if width:
                    await agent(f"You lead workers. [workers={width}]", task, WORKER, worker)
                else:
                    await worker({"part": task})

            return run

        yield build


if __name__ == "__main__":
    serve(opened)
