"""Vectors from an OpenAI-compatible node's `/embeddings`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiohttp
import orjson
from yarl import URL

from core.errors import ConfigurationError, ModelTimeout, ModelUnavailable
from inference.config import ModelConfig
from inference.embedding import rows_of
from inference.failure import named, unreachable
from inference.node_connections import connector
from inference.node_errors import refused
from inference.proxy import proxy_of
from inference.status import wait_seconds


class NodeEmbeddings:
    """One model of one node, under the name the node uses; belongs to the event loop that first calls it.

    Raises:
        ConfigurationError: the base URL is none.
    """

    def __init__(self, config: ModelConfig, base_url: str) -> None:
        try:
            url = URL(base_url.rstrip("/") + "/embeddings")
            self._proxy = proxy_of(base_url)
        except ValueError as error:
            raise ConfigurationError(f"{base_url!r} is no base URL of a node: {error}") from error
        self._config = config
        self._url = url.with_user(None) if url.user else url
        self._headers = {"Content-Type": "application/json"}
        if config.api_key is not None:
            self._headers["Authorization"] = f"Bearer {config.api_key}"
        elif url.user:
            self._headers["Authorization"] = aiohttp.BasicAuth(url.user, url.password or "").encode()
        self._session: aiohttp.ClientSession | None = None

    async def vectors(self, texts: Sequence[str]) -> list[list[float]]:
        """See `EmbeddingProvider.vectors`."""
        body = orjson.dumps({"model": self._config.model, "input": list(texts), "encoding_format": "float"})
        try:
            async with asyncio.timeout(self._config.first_token_seconds):
                return await self._asked(body)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise unreachable(self._config) from error
        except TimeoutError as error:
            raise ModelTimeout(f"{named(self._config)}: no vectors came in time") from error
        except (aiohttp.ClientError, OSError) as error:
            told = str(error) or type(error).__name__
            raise ModelUnavailable(f"{named(self._config)}: the connection was lost ({told})") from error

    async def aclose(self) -> None:
        """Closes the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _asked(self, body: bytes) -> list[list[float]]:
        async with self._opened().post(self._url, data=body, proxy=self._proxy) as response:
            answer = await response.read()
            if not response.ok:
                wait = response.headers.get("Retry-After")
                raise refused(
                    response.status,
                    answer,
                    self._config,
                    retry_after=None if wait is None else wait_seconds(wait),
                )
        try:
            return rows_of(orjson.loads(answer), self._config)
        except orjson.JSONDecodeError as error:
            raise ModelUnavailable(f"{named(self._config)}: what it sent is no JSON") from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=connector(),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._config.connect_seconds),
            )
        return self._session
