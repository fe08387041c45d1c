"""A scripted OpenAI-compatible model in a process of its own: every reply after the same time, by its prompt.

`python -m bench.engine.server` prints its base URL. A prompt says in brackets what its agent is to do:
`[workers=3]` asks for that many workers in one message and then answers; `[calls=20]` asks for a tool in each
of so many replies but the last. Ours are told apart by what they ask for: a plan, an answer, or a return.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import Any, cast

from aiohttp import web

from bench.support.replies import Answer, ToolUse, Usage
from bench.support.wire import chunks, completion, frame

Request = dict[str, Any]

_WORKERS = re.compile(r"\[workers=(\d+)\]")
_CALLS = re.compile(r"\[calls=(\d+)\]")
_USAGE = Usage(prompt_tokens=400, completion_tokens=20)
_WHOLE = 1 << 20
"""Characters of one delta: the reply comes in one piece."""


class Model:
    """Answers, and counts what it was asked.

    Attributes:
        latency: seconds before every reply; the benchmark sets it for each workload.
    """

    def __init__(self) -> None:
        self.latency = 0.0
        self.asked = 0

    async def chat(self, http: web.Request) -> web.Response:
        request = cast(Request, await http.json())
        self.asked += 1
        number = self.asked
        answer = reply(request)
        await asyncio.sleep(self.latency)
        if not request.get("stream"):
            return web.json_response(completion(answer, request, number))
        frames = b"".join(frame(item) for item in chunks(answer, request, number))
        return web.Response(body=frames + frame("[DONE]"), content_type="text/event-stream")

    async def set(self, http: web.Request) -> web.Response:
        """A new latency; returns how many calls there were since the last time."""
        asked, self.asked = self.asked, 0
        self.latency = float((await http.json())["latency"])
        return web.json_response({"asked": asked})


def reply(request: Request) -> Answer:
    """The scripted reply."""
    said = "\n".join(_text(message) for message in request["messages"][:2])
    match request.get("response_format", {}).get("json_schema", {}).get("name"):
        case "plan":
            return _whole(_plan(int(_found(_WORKERS, said))))
        case "answer":
            return _whole({"paragraphs": [{"text": "done", "cites": list[str]()}], "complete": True})
        case _:
            return _acted(request, said)


def _acted(request: Request, said: str) -> Answer:
    offered = {tool["function"]["name"] for tool in request.get("tools", [])}
    made = sum(message["role"] == "assistant" for message in request["messages"])
    if "calculate" in offered:
        if made + 1 < int(_found(_CALLS, said)):
            return _called(ToolUse(name="calculate", arguments=json.dumps({"expression": f"{made} + 1"})))
        return _whole({"status": "not_found", "findings": []})
    if (workers := _WORKERS.search(said)) is not None:
        if made:
            return _whole("done")
        return _called(*(_worker(offered, number) for number in range(int(workers[1]))))
    if made + 1 < int(_found(_CALLS, said)):
        return _called(ToolUse(name="lookup", arguments=json.dumps({"query": f"item {made}"})))
    return _whole("done")


def _worker(offered: set[str], number: int) -> ToolUse:
    """A worker is a tool; Deep Agents has one of its own for that."""
    if "task" in offered:
        given = {"description": f"part {number}", "subagent_type": "worker"}
        return ToolUse(name="task", arguments=json.dumps(given))
    return ToolUse(name="worker", arguments=json.dumps({"part": f"part {number}"}))


def _plan(width: int) -> dict[str, object]:
    return {
        "subtasks": [
            {
                "title": f"part {number}",
                "question": f"part {number}?",
                "inputs": [],
                "split": False,
                "after": [],
            }
            for number in range(width)
        ]
    }


def _whole(value: object) -> Answer:
    said = value if isinstance(value, str) else json.dumps(value)
    return Answer(content=said, usage=_USAGE, chunk=_WHOLE)


def _called(*uses: ToolUse) -> Answer:
    return Answer(tool_calls=uses, usage=_USAGE, chunk=_WHOLE)


def _text(message: dict[str, Any]) -> str:
    """Some clients send a message's text in parts."""
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in cast(list[dict[str, Any]], content))


def _found(pattern: re.Pattern[str], said: str) -> str:
    found = pattern.search(said)
    if found is None:
        raise web.HTTPBadRequest(text=f"the prompt does not say {pattern.pattern}")
    return found[1]


async def _serve() -> None:
    model = Model()
    app = web.Application(client_max_size=64 * 2**20)
    app.router.add_post("/v1/chat/completions", model.chat)
    app.router.add_post("/set", model.set)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    print(f"http://127.0.0.1:{runner.addresses[0][1]}", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(_serve())
