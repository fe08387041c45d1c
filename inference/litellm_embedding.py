"""Vectors from any provider that LiteLLM knows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from inference.config import ModelConfig
from inference.embedding import rows_of
from inference.litellm_errors import translated
from inference.litellm_library import LiteLLMLibrary, load, settle


class LiteLLMEmbeddings:
    """One model, as LiteLLM spells its name; belongs to the event loop that first calls it."""

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._library: LiteLLMLibrary | None = None
        self._loading = asyncio.Lock()

    async def vectors(self, texts: Sequence[str]) -> list[list[float]]:
        """See `EmbeddingProvider.vectors`."""
        library = await self._loaded()
        try:
            reply = await library.litellm.aembedding(
                model=self._config.model,
                input=list(texts),
                api_key=self._config.api_key,
                api_base=self._config.base_url,
                timeout=self._config.first_token_seconds,
                num_retries=0,
                max_retries=0,
            )
        except Exception as error:
            raise translated(error, library, self._config) from error
        return rows_of(reply, self._config)

    async def aclose(self) -> None:
        """Closes the connections and ends what LiteLLM left running on this loop."""
        if self._library is not None:
            await settle(self._library)
            await self._library.litellm.close_litellm_async_clients()

    async def _loaded(self) -> LiteLLMLibrary:
        async with self._loading:
            if self._library is None:
                self._library = await asyncio.to_thread(load)
            return self._library
