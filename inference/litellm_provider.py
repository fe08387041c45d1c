"""Any provider or OpenAI-compatible node, called through LiteLLM."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import aiohttp

from core.errors import ModelError, ModelTimeout
from inference.config import ModelConfig
from inference.litellm_errors import translated
from inference.litellm_files import provider_names
from inference.litellm_library import LiteLLMLibrary, load, settle
from inference.litellm_request import wire_parameters
from inference.litellm_stream import NodeTap, ReplyAssembler
from inference.model import ModelDescription, ModelHealth, ModelReply, ModelRequest, Usage
from inference.node_health import knock, look_at
from inference.ports import Progress
from inference.prices import configured_price, published_price

PLACEHOLDER_KEY = "not-needed"
"""Sent to nodes that want no key, because the client insists on one."""

_CONNECTIONS = 512
_KEEP_ALIVE_SECONDS = 4.0
"""Under the 5 s after which uvicorn, and so vLLM, closes an idle connection."""


class LiteLLMProvider:
    """One model behind LiteLLM; belongs to the event loop that first calls it.

    With a base URL the model is one of an OpenAI-compatible node there, under any name the node uses;
    but where the name starts with a provider LiteLLM knows, as in `hosted_vllm/name`, it passes as it is.
    """

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._own_node = config.base_url is not None and not _names_provider(config.model)
        self._library: LiteLLMLibrary | None = None
        self._loading = asyncio.Lock()
        self._client: Any = None

    def describe(self) -> ModelDescription:
        provider = "openai-compatible" if self._own_node else self._config.model.partition("/")[0]
        return ModelDescription(name=self._config.model, provider=provider, base_url=self._config.base_url)

    async def complete(self, request: ModelRequest, *, on_progress: Progress) -> ModelReply:
        """Makes one streamed call.

        Raises:
            ModelError: the kind tells the gateway whether to try again.
        """
        if self._library is None:
            await knock(self._config)
        library = await self._loaded()
        limit = _Limit(self._config)
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
        price = configured_price(
            prompt=self._config.price_prompt, completion=self._config.price_completion
        ) or published_price(self._config.model)
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
            connector = aiohttp.TCPConnector(limit=_CONNECTIONS, keepalive_timeout=_KEEP_ALIVE_SECONDS)
            return aiohttp.ClientSession(connector=connector)

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
            model=f"openai/{config.model}" if self._own_node else config.model,
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
        limit: _Limit,
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
        ended = stream.received_finish_reason or (tap.finish_reason if tap is not None else None)
        reply = assembler.reply(
            ended=ended,
            refused=tap is not None and tap.refused,
            usage=tap.usage if tap is not None else None,
        )
        return reply.model_copy(update={"first_token_seconds": first})


class _Limit:
    """The time limits of one call, one deadline at a time: first token, then stall, never past the total."""

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time() + config.total_seconds
        self._begun = False
        self.timeout = asyncio.timeout_at(min(self._last, self._loop.time() + config.first_token_seconds))

    def chunk_arrived(self) -> None:
        self._begun = True
        self.timeout.reschedule(min(self._last, self._loop.time() + self._config.stall_seconds))

    def exceeded(self, label: str) -> ModelError:
        config = self._config
        if self._loop.time() >= self._last:
            return _timed_out(label, "the reply was not finished", config.total_seconds)
        if self._begun:
            return _timed_out(label, "the reply stalled", config.stall_seconds)
        return _timed_out(label, "no reply began", config.first_token_seconds)


def _names_provider(model: str) -> bool:
    """Whether the name starts with a provider; `meta-llama/Llama-3.1-8B` only looks like it."""
    prefix, slash, _ = model.partition("/")
    return bool(slash) and prefix in provider_names()


def _timed_out(label: str, what: str, seconds: float) -> ModelTimeout:
    return ModelTimeout(f"{label}: {what} within {seconds:g} s")


async def _drain(tap: NodeTap, limit: _Limit) -> None:
    """Reads what follows the ending: the usage, and the close that lets the connection be used again.

    The answer is complete by then, so a connection lost here costs only the usage.
    """
    try:
        async for _ in tap:
            limit.chunk_arrived()
    except Exception:  # noqa: BLE001 - any transport's exception; the answer stands
        return
