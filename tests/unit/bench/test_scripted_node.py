from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import aiohttp

from bench.support.replies import Answer, HttpError, ToolUse, calls, rate_limited, text
from bench.support.scripted_node import Script, ScriptedNode, hash_vector


async def post(node: ScriptedNode, path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(node.base_url + path, json=body) as response,
    ):
        return response.status, dict(response.headers), await response.read()


async def chat(script: Script, **body: Any) -> tuple[int, dict[str, str], bytes]:
    async with ScriptedNode(script) as node:
        return await post(node, "/chat/completions", {"model": "m", "messages": [], **body})


async def test_answers_whole_when_not_asked_to_stream() -> None:
    status, _, body = await chat(calls(ToolUse(name="search", arguments='{"q": 1}')))
    choice = json.loads(body)["choices"][0]
    assert status == 200
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "search", "arguments": '{"q": 1}'}


async def test_streams_deltas_that_add_up() -> None:
    _, _, body = await chat(Answer(content="one two three", chunk=4), stream=True)
    events = [line[6:] for line in body.decode().splitlines() if line.startswith("data: ")]
    deltas = [json.loads(event)["choices"][0]["delta"] for event in events[:-1]]
    assert events[-1] == "[DONE]"
    assert "".join(delta.get("content", "") for delta in deltas) == "one two three"


async def test_a_sequence_is_followed_in_order_and_then_exhausted() -> None:
    async with ScriptedNode([text("first"), rate_limited("3")]) as node:
        answers = [await post(node, "/chat/completions", {"messages": []}) for _ in range(3)]
    assert [status for status, _, _ in answers] == [200, 429, 500]
    assert answers[1][1]["Retry-After"] == "3"
    assert len(node.requests) == 3


async def test_a_function_sees_the_request() -> None:
    def script(request: dict[str, Any]) -> Answer | HttpError:
        return text(request["model"]) if request["messages"] else HttpError(status=400)

    status, _, body = await chat(script, messages=[{"role": "user", "content": "x"}])
    assert (status, json.loads(body)["choices"][0]["message"]["content"]) == (200, "m")


async def test_embeddings_depend_on_the_text_alone() -> None:
    async with ScriptedNode(text("")) as node:
        _, _, body = await post(node, "/embeddings", {"model": "e", "input": ["a", "b", "a"]})
    vectors = [item["embedding"] for item in json.loads(body)["data"]]
    assert vectors[0] == vectors[2] == hash_vector("a")
    assert vectors[0] != vectors[1]
    assert abs(sum(value * value for value in vectors[0]) - 1) < 1e-9


async def test_runs_by_hand() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.support.scripted_node", "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    base_url = (await process.stdout.readline()).decode().strip()
    async with aiohttp.ClientSession() as session, session.get(f"{base_url}/models") as response:
        listed = await response.json()
    process.terminate()
    await process.wait()
    assert [model["id"] for model in listed["data"]] == ["scripted"]
