"""A model of an OpenAI-compatible node, called over aiohttp without a client library between."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import aiohttp
import orjson
from yarl import URL

from core.errors import ConfigurationError, ModelError, ModelUnavailable
from core.tracing import HEADER, here
from inference.config import ModelConfig
from inference.failure import named, unreachable
from inference.limits import Limit
from inference.model import ModelDescription, ModelHealth, ModelReply, ModelRequest, Usage
from inference.node_connections import connector
from inference.node_errors import broken, refused
from inference.node_health import look_at
from inference.node_stream import events
from inference.ports import Progress
from inference.prices import known_price
from inference.proxy import proxy_of
from inference.status import wait_seconds
from inference.wire_request import wire_parameters
from inference.wire_stream import ReplyAssembler, Seen

_MOST_ERROR_BYTES = 64 * 1024
_NOT_A_REPLY = (AttributeError, IndexError, KeyError, TypeError, ValueError)
"""What comes of reading JSON that is not shaped as it should be."""


class NodeProvider:
    """One model of one node, under the name the node uses; belongs to the event loop that first calls it."""

    def __init__(self, config: ModelConfig, base_url: str) -> None:
        self._config = config
        """Raises `ConfigurationError` for a base URL that is none."""
        try:
            url = URL(base_url.rstrip("/") + "/chat/completions")
            self._proxy = proxy_of(base_url)
        except ValueError as error:
            raise ConfigurationError(f"{base_url!r} is no base URL of a node: {error}") from error
        self._url = url.with_user(None) if url.user else url
        self._headers = {"Content-Type": "application/json"}
        if config.api_key is not None:
            self._headers["Authorization"] = f"Bearer {config.api_key}"
        elif url.user:
            self._headers["Authorization"] = aiohttp.BasicAuth(url.user, url.password or "").encode()
        self._session: aiohttp.ClientSession | None = None

    def describe(self) -> ModelDescription:
        return ModelDescription(
            name=self._config.model, provider="openai-compatible", base_url=self._config.base_url
        )

    async def complete(self, request: ModelRequest, *, on_progress: Progress) -> ModelReply:
        """Makes one streamed call.

        Raises:
            ModelError: the kind tells the gateway whether to try again.
        """
        limit = Limit(self._config)
        try:
            async with limit.timeout:
                return await self._call(request, limit, on_progress)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise unreachable(self._config) from error
        except TimeoutError as error:
            raise limit.exceeded(self._config.model) from error
        except (aiohttp.ClientError, OSError) as error:
            told = str(error) or type(error).__name__
            raise ModelUnavailable(f"{named(self._config)}: the connection was lost ({told})") from error

    def price(self, usage: Usage) -> int | None:
        """Micro-dollars at the configured prices, else at the published ones; None when there are none."""
        price = known_price(self._config)
        return None if price is None else price.micros(usage)

    async def check(self) -> ModelHealth:
        """Asks the node for its list of models."""
        return await look_at(self._config)

    async def aclose(self) -> None:
        """Closes the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _call(self, request: ModelRequest, limit: Limit, on_progress: Progress) -> ModelReply:
        started = time.monotonic()
        for _ in range(2):  # the loop takes two rounds to see that a node has closed an idle connection
            await asyncio.sleep(0)
        trace = here()
        posting = self._opened().post(
            self._url,
            data=self._body(request),
            proxy=self._proxy,
            headers=None if trace is None else {HEADER: trace.header},
        )
        async with posting as response:
            if not response.ok:
                raise await self._refused(response)
            return await self._read(response, request, limit, on_progress, started)

    async def _read(
        self,
        response: aiohttp.ClientResponse,
        request: ModelRequest,
        limit: Limit,
        on_progress: Progress,
        started: float,
    ) -> ModelReply:
        assembler, seen = ReplyAssembler(max_tokens=request.max_tokens), Seen()
        first: float | None = None
        try:
            async for chunk in events(response.content.iter_any()):
                limit.chunk_arrived()
                if self._spoken(chunk, assembler, seen) and first is None:
                    first = time.monotonic() - started
                    await on_progress(first)
        except (aiohttp.ClientError, OSError, ModelUnavailable):
            # An answer that is complete stands: a connection lost then costs only the usage.
            if seen.finish_reason is None:
                raise
        try:
            reply = assembler.reply(seen)
        except _NOT_A_REPLY as error:
            raise self._malformed() from error
        return reply.model_copy(update={"first_token_seconds": first})

    def _spoken(self, chunk: dict[str, Any], assembler: ReplyAssembler, seen: Seen) -> bool:
        """Take one event; whether the model said something in it. Only the usage follows the ending."""
        if chunk.get("error"):
            raise broken(chunk, self._config)
        try:
            said = seen.finish_reason is None and assembler.add(chunk)
            seen.look(chunk)
        except _NOT_A_REPLY as error:
            raise self._malformed() from error
        return said

    def _malformed(self) -> ModelError:
        return ModelUnavailable(f"{named(self._config)}: what it sent is no reply")

    async def _refused(self, response: aiohttp.ClientResponse) -> ModelError:
        body = b""
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > _MOST_ERROR_BYTES:
                break
        wait = response.headers.get("Retry-After")
        return refused(
            response.status, body, self._config, retry_after=None if wait is None else wait_seconds(wait)
        )

    def _body(self, request: ModelRequest) -> bytes:
        wire = {
            "model": self._config.model,
            "stream": True,
            "stream_options": {"include_usage": True},
            **wire_parameters(request),
        }
        try:
            return orjson.dumps(wire)
        except TypeError:  # half a surrogate pair, or a number beyond 64 bits
            return json.dumps(wire).encode()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=connector(),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._config.connect_seconds),
            )
        return self._session
