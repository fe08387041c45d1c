"""Server-sent events: one message per event, heartbeats while nothing happens, and an end for everyone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractContextManager, contextmanager

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.errors import TreeholdError
from core.ids import TenantId
from orchestrator.services.views import EventView

HEARTBEAT = b": heartbeat\n\n"
OPENING = b"retry: 1000\n\n"


def event_message(event: EventView) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (
        event.seq,
        event.kind.encode(),
        event.model_dump_json().encode(),
    )


def gap_message(after: int, first: int) -> bytes:
    """Says that what follows `after` is not to be had, and that event `first` comes next."""
    data = orjson.dumps({"after": after, "first": first})
    return b"id: %d\nevent: gap\ndata: %b\n\n" % (first - 1, data)


class Streams:
    """How many event streams each tenant has open in this process."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._open: Counter[TenantId] = Counter()

    def require_room(self, tenant: TenantId) -> None:
        """Raises `TreeholdError`, retryable, when the tenant has as many open as it may have."""
        if self._open[tenant] >= self._most:
            message = f"{self._most:,} event streams are open here, the most there may be: close some first"
            raise TreeholdError(message, code="too_many_streams", retryable=True)

    @contextmanager
    def counted(self, tenant: TenantId) -> Generator[None]:
        self._open[tenant] += 1
        try:
            yield
        finally:
            self._open[tenant] -= 1
            if not self._open[tenant]:
                del self._open[tenant]


class EventStream(Response):
    """Ends when the messages do, the client leaves, or the server stops; whichever it is, nothing is left."""

    media_type = "text/event-stream"

    def __init__(
        self,
        messages: AsyncGenerator[bytes],
        *,
        heartbeat_seconds: float,
        closing: asyncio.Event,
        counted: AbstractContextManager[None],
    ) -> None:
        self.status_code = 200
        self.background = None
        self.body = b""
        self.init_headers({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._messages = messages
        self._heartbeat_seconds = heartbeat_seconds
        self._closing = closing
        self._counted = counted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._counted:
            await self._stream(receive, send)

    async def _stream(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        sending = asyncio.create_task(self._send_all(send))
        ends = (
            sending,
            asyncio.create_task(_disconnected(receive)),
            asyncio.create_task(self._closing.wait()),
        )
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
            await asyncio.gather(*ends, return_exceptions=True)
        if not sending.cancelled():
            sending.result()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.body", "body": OPENING, "more_body": True})
        awaited: asyncio.Task[bytes | None] | None = None
        try:
            while True:
                awaited = awaited or asyncio.create_task(self._next())
                await asyncio.wait({awaited}, timeout=self._heartbeat_seconds)
                message: bytes | None = HEARTBEAT
                if awaited.done():
                    message, awaited = awaited.result(), None
                if message is None:
                    return
                await send({"type": "http.response.body", "body": message, "more_body": True})
        finally:
            if awaited is not None:
                awaited.cancel()
                await asyncio.gather(awaited, return_exceptions=True)
            await self._messages.aclose()

    async def _next(self) -> bytes | None:
        return await anext(self._messages, None)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
