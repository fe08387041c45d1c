"""What stands between the socket and the routes: plain ASGI, so that event streams pass unbuffered."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import hosts, problems
from core import tracing

MAX_BODY_BYTES = 1 << 20
BODY_SECONDS = 30.0

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Nothing inline, nothing from elsewhere, no HTML made from strings: what agents write stays text."""

_HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class SecurityHeaders:
    """Adds what a response does not set itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class LastResort:
    """Turns what no one handled into a 500 that says nothing, and a log entry that says all."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False

        async def send_noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            problem = problems.of_unhandled(Request(scope), error)
            await problems.response(problem)(scope, receive, send)


class CallersTrace:
    """What a request makes belongs to its caller's trace, where it names one (`traceparent`)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        header = Headers(scope=scope).get(tracing.HEADER) if scope["type"] == "http" else None
        with tracing.within(tracing.parse(header)):
            await self._app(scope, receive, send)


class KnownHosts:
    """Refuses requests for a name that is not this server's, but for `anywhere`, which asks for a token."""

    def __init__(self, app: ASGIApp, names: frozenset[str], anywhere: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._names = names
        self._anywhere = anywhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = scope["type"] != "http" or scope["path"] in self._anywhere
        if known or hosts.answers_to(Headers(scope=scope), self._names):
            return await self._app(scope, receive, send)
        detail = "This server does not answer to that Host; TREEHOLD_PUBLIC_URL names the public one."
        status = HTTPStatus.MISDIRECTED_REQUEST
        problem = problems.problem(Request(scope), status, "unknown_host", detail)
        return await problems.response(problem)(scope, receive, send)


class BodyLimit:
    """Refuses bodies that say they are too large, and stops reading those that are, or that do not come."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._limit = limit
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        refusal = HTTPException(413, f"A request body may have {self._limit:,} bytes at most.")
        length = Headers(scope=scope).get("content-length", "0")
        if length.isdecimal() and int(length) > self._limit:
            problem = problems.of_http(Request(scope), refusal)
            return await problems.response(problem)(scope, receive, send)
        taken, more = 0, True
        end = asyncio.get_running_loop().time() + self._seconds

        async def receive_limited() -> Message:
            nonlocal taken, more
            try:
                async with asyncio.timeout_at(end if more else None):
                    message = await receive()
            except TimeoutError as error:
                detail = f"The body did not arrive within {self._seconds:g} s."
                raise HTTPException(408, detail, headers={"Connection": "close"}) from error
            more = message.get("more_body", False)
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise refusal
            return message

        return await self._app(scope, receive_limited, send)
