"""Any provider or OpenAI-compatible node, called through LiteLLM."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from typing import Any

import aiohttp

from core.errors import ModelError
from inference.config import ModelConfig
from inference.limits import Limit
from inference.litellm_errors import translated
from inference.litellm_library import LiteLLMLibrary, load, settle
from inference.litellm_stream import NodeTap
from inference.model import ModelDescription, ModelHealth, ModelReply, ModelRequest, Usage
from inference.node_connections import connector
from inference.node_health import knock, look_at
from inference.ports import Progress
from inference.prices import known_price
from inference.wire_request import wire_parameters
from inference.wire_stream import ReplyAssembler, Seen

PLACEHOLDER_KEY = "not-needed"
"""Sent to nodes that want no key, because the client insists on one."""


class LiteLLMProvider:
    """One model behind LiteLLM; belongs to the event loop that first calls it.

    The name is as LiteLLM spells it. With a base URL, `openai/name` is any OpenAI-compatible node there.
    """

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._own_node = config.base_url is not None and config.model.startswith("openai/")
        self._library: LiteLLMLibrary | None = None
        self._loading = asyncio.Lock()
        self._client: Any = None

    def describe(self) -> ModelDescription:
        provider = self._config.model.partition("/")[0]
        return ModelDescription(name=self._config.model, provider=provider, base_url=self._config.base_url)

    async def complete(self, request: ModelRequest, *, on_progress: Progress) -> ModelReply:
        """Makes one streamed call.

        Raises:
            ModelError: the kind tells the gateway whether to try again.
        """
        if self._library is None:
            await knock(self._config)
        library = await self._loaded()
        limit = Limit(self._config)
        started = time.monotonic()
        try:
            async with limit.timeout:
                return await self._stream(library, request, limit, on_progress, started)
        except ModelError:
            raise
        except TimeoutError as error:
            raise limit.exceeded(self._config.model) from error
        except Exception as error:
            raise translated(error, library, self._config) from error

    def price(self, usage: Usage) -> int | None:
        """Micro-dollars at the configured prices, else at the published ones; None when there are none."""
        price = known_price(self._config)
        return None if price is None else price.micros(usage)

    async def check(self) -> ModelHealth:
        """Asks an own node for its list of models; does not load LiteLLM."""
        return await look_at(self._config)

    async def aclose(self) -> None:
        """Closes the connections and ends what LiteLLM left running on this loop."""
        if self._library is None:
            return
        await settle(self._library)
        if self._client is not None:
            await self._client.close()
            self._client = None
        await self._library.litellm.close_litellm_async_clients()

    async def _loaded(self) -> LiteLLMLibrary:
        async with self._loading:
            if self._library is None:
                self._library = await asyncio.to_thread(load)
            if self._own_node and self._client is None:
                self._client = self._new_client(self._library)
            return self._library

    def _new_client(self, library: LiteLLMLibrary) -> Any:
        """A client of our own, so that its connections are ours to close."""

        def session() -> aiohttp.ClientSession:
            return aiohttp.ClientSession(connector=connector())

        return library.openai.AsyncOpenAI(
            api_key=self._config.api_key or PLACEHOLDER_KEY,
            base_url=self._config.base_url,
            max_retries=0,
            http_client=library.httpx.AsyncClient(
                transport=library.transport.LiteLLMAiohttpTransport(client=session)
            ),
        )

    async def _open(self, library: LiteLLMLibrary, request: ModelRequest) -> Any:
        config = self._config
        parameters = wire_parameters(request)
        if self._client is not None:
            parameters["client"] = self._client
        if config.api_key is not None or self._own_node:
            parameters["api_key"] = config.api_key or PLACEHOLDER_KEY
        if config.base_url is not None:
            parameters["api_base"] = config.base_url
        return await library.litellm.acompletion(
            model=config.model,
            stream=True,
            stream_options={"include_usage": True},
            num_retries=0,
            max_retries=0,
            _skip_mcp_handler=True,  # with tools it would import the mcp package, which is not installed
            drop_params=config.base_url is None and request.output_schema is None,
            timeout=library.httpx.Timeout(config.total_seconds, connect=config.connect_seconds),
            **parameters,
        )

    async def _stream(
        self,
        library: LiteLLMLibrary,
        request: ModelRequest,
        limit: Limit,
        on_progress: Progress,
        started: float,
    ) -> ModelReply:
        stream = await self._open(library, request)
        tap = NodeTap(stream.completion_stream) if hasattr(stream.completion_stream, "__aiter__") else None
        if tap is not None:
            stream.completion_stream = tap
        assembler = ReplyAssembler(max_tokens=request.max_tokens)
        first: float | None = None
        try:
            async for chunk in stream:
                limit.chunk_arrived()
                if assembler.add(chunk) and first is None:
                    first = time.monotonic() - started
                    await on_progress(first)
                if assembler.finish_reason is not None:
                    break
            if tap is not None:
                await _drain(tap, limit)
        finally:
            with contextlib.suppress(Exception):
                await stream.aclose()
        seen = Seen() if tap is None else tap.seen
        reply = assembler.reply(
            replace(seen, finish_reason=stream.received_finish_reason or seen.finish_reason)
        )
        return reply.model_copy(update={"first_token_seconds": first})


async def _drain(tap: NodeTap, limit: Limit) -> None:
    """Reads what follows the ending: the usage, and the close that lets the connection be used again.

    The answer is complete by then, so a connection lost here costs only the usage.
    """
    try:
        async for _ in tap:
            limit.chunk_arrived()
    except Exception:  # noqa: BLE001 - any transport's exception; the answer stands
        return
