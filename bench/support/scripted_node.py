"""An OpenAI-compatible inference node that follows a script.

In tests and benchmarks:

```python
async with ScriptedNode(lambda request: text("42")) as node:
    ...  # node.base_url ends in /v1; node.requests holds every chat request's JSON body
```

By hand, echoing the last message: `python -m bench.support.scripted_node --port 8000`.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import math
import struct
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from bench.support.replies import (
    Answer,
    CutStream,
    Hang,
    HttpError,
    RawBody,
    Reply,
    StreamError,
    text,
)
from bench.support.wire import chunks, completion, frame

Request = dict[str, Any]
"""The JSON body of one chat completions request."""

Script = Callable[[Request], Reply] | Sequence[Reply] | Reply
"""A function of the request, replies in the order of the requests, or one reply for all of them."""

EMBEDDING_DIMENSIONS = 384


class ScriptedNode:
    """A real HTTP server on 127.0.0.1; an async context manager.

    Attributes:
        requests: the JSON body of every chat request so far, in order of arrival.
        headers: the headers of those requests.
        connections: how many connections chat requests came over.
        received: set once a chat request has arrived.
        idle: set while no chat request is being answered.
    """

    def __init__(
        self, script: Script, *, port: int = 0, models: Sequence[str] = ("scripted",), latency: float = 0.0
    ) -> None:
        """Makes a node; `latency` seconds pass before every chat reply."""
        self.requests: list[Request] = []
        self.headers: list[dict[str, str]] = []
        self._script = script
        self._port = port
        self._models = tuple(models)
        self._latency = latency
        self._runner: web.AppRunner | None = None
        self._stopping = asyncio.Event()
        self._active = 0
        self._peers: set[object] = set()
        self.received = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()

    @property
    def connections(self) -> int:
        return len(self._peers)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    async def start(self) -> None:
        """Listens; with port 0 the system picks a free one, shown by `base_url`."""
        app = web.Application(client_max_size=64 * 2**20)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/embeddings", self._embeddings)
        app.router.add_get("/v1/models", self._list_models)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Ends hanging replies and closes the port; safe to call twice."""
        self._stopping.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _next_reply(self, request: Request) -> Reply:
        number = len(self.requests)
        if callable(self._script):
            return self._script(request)
        if not isinstance(self._script, Sequence):
            return self._script
        if number > len(self._script):
            return HttpError(status=500, message=f"the script has no reply for request {number}")
        return self._script[number - 1]

    async def _chat(self, http: web.Request) -> web.StreamResponse:
        body: Request = await http.json()
        self.requests.append(body)
        self.headers.append(dict(http.headers))
        if http.transport is not None:
            self._peers.add(http.transport.get_extra_info("peername"))
        self._active += 1
        self.idle.clear()
        self.received.set()
        try:
            return await self._follow_script(http, body, len(self.requests))
        finally:
            self._active -= 1
            if not self._active:
                self.idle.set()

    async def _follow_script(self, http: web.Request, body: Request, number: int) -> web.StreamResponse:
        reply = self._next_reply(body)
        if self._latency:
            await asyncio.sleep(self._latency)
        match reply:
            case HttpError():
                return _error(reply)
            case RawBody(body=raw, content_type=content_type):
                return web.Response(body=raw, headers={"Content-Type": content_type})
            case StreamError(message=message, code=code):
                event = frame({"error": {"message": message, "type": "server_error", "code": code}})
                return web.Response(body=event, headers={"Content-Type": "text/event-stream"})
            case Hang(deltas=0):
                await self._stopping.wait()
                return web.Response(status=503)
            case Answer():
                return await self._answer(http, body, reply, number)
            case CutStream() | Hang():
                return await self._broken(http, body, reply, number)

    async def _answer(
        self, http: web.Request, body: Request, answer: Answer, number: int
    ) -> web.StreamResponse:
        if answer.delay:
            await asyncio.sleep(answer.delay)
        if not body.get("stream"):
            return web.json_response(completion(answer, body, number))
        response = await _open_stream(http)
        for item in chunks(answer, body, number):
            if answer.pause:
                await asyncio.sleep(answer.pause)
            await response.write(frame(item))
        await response.write(frame("[DONE]"))
        await response.write_eof()
        return response

    async def _broken(
        self, http: web.Request, body: Request, reply: CutStream | Hang, number: int
    ) -> web.StreamResponse:
        response = await _open_stream(http)
        for index, item in enumerate(chunks(reply.answer, body, number)):
            if index > reply.deltas:
                break
            await response.write(frame(item))
        if isinstance(reply, Hang):
            await self._stopping.wait()
        elif not reply.clean and http.transport is not None:
            http.transport.close()
        else:
            await response.write_eof()
        return response

    async def _embeddings(self, http: web.Request) -> web.Response:
        body = await http.json()
        given = body["input"]
        texts: list[str] = [given] if isinstance(given, str) else given
        data = [
            {"object": "embedding", "index": index, "embedding": hash_vector(item)}
            for index, item in enumerate(texts)
        ]
        tokens = sum(len(item) // 4 + 1 for item in texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return web.json_response({"object": "list", "model": body.get("model"), "data": data, "usage": usage})

    async def _list_models(self, http: web.Request) -> web.Response:
        listed = [{"id": name, "object": "model", "owned_by": "bench"} for name in self._models]
        return web.json_response({"object": "list", "data": listed})


def hash_vector(item: str, dimensions: int = EMBEDDING_DIMENSIONS) -> list[float]:
    """A unit vector fixed by the text alone; texts that differ are near orthogonal."""
    raw = hashlib.shake_256(item.encode()).digest(4 * dimensions)
    values = [value / 2**31 for value in struct.unpack(f"<{dimensions}i", raw)]
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    return [value / length for value in values]


async def _open_stream(http: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"})
    await response.prepare(http)
    return response


def _error(reply: HttpError) -> web.Response:
    error = {"message": reply.message, "type": "scripted", "code": reply.code or reply.status}
    return web.json_response({"error": error}, status=reply.status, headers=reply.headers)


def echo(request: Request) -> Reply:
    """The default script: says the last message back."""
    content = request["messages"][-1].get("content")
    return text(content if isinstance(content, str) else "")


async def _serve(port: int, latency: float) -> None:
    async with ScriptedNode(echo, port=port, latency=latency) as node:
        print(node.base_url, flush=True)
        await asyncio.Event().wait()


def main() -> None:
    parser = argparse.ArgumentParser(description="A scripted OpenAI-compatible node that echoes.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each reply")
    options = parser.parse_args()
    try:
        asyncio.run(_serve(options.port, options.latency))
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
