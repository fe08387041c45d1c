"""The embedders that settings can name."""

from __future__ import annotations

import asyncio

from core.clock import Clock
from core.errors import ConfigurationError
from core.settings import MINILM, Settings
from inference.config import ModelConfig
from inference.embedding import EmbeddingProvider, GatewayEmbedder, measured
from inference.litellm_files import names_provider
from inference.retry import RetryPolicy
from memory.embedder import CachedEmbedder, MiniLm
from memory.ports import Embedder


class Embedders:
    """Opens each once.

    Attributes:
        local: the one that needs nobody else, or what was given in its place.
    """

    def __init__(self, settings: Settings, clock: Clock, *, local: Embedder | None = None) -> None:
        self.local = local or MiniLm()
        self._settings = settings
        self._clock = clock
        self._opening = asyncio.Lock()
        self._opened: dict[str, Embedder] = {MINILM: self.local}
        self._gateways: list[GatewayEmbedder] = []

    async def open(self, name: str, dimensions: int | None) -> Embedder:
        """The embedder of that name.

        Args:
            name: as in `TREEHOLD_EMBEDDER`.
            dimensions: of its vectors; where they are not known, it is asked for one.

        Raises:
            ConfigurationError: there is none of that name, or it does not answer.
        """
        async with self._opening:
            if name not in self._opened:
                self._opened[name] = await self._remote(name, dimensions)
            return self._opened[name]

    async def aclose(self) -> None:
        """Closes the connections."""
        gateways, self._gateways = self._gateways, []
        for gateway in gateways:
            await gateway.aclose()

    async def _remote(self, name: str, dimensions: int | None) -> Embedder:
        config = self._config(name)
        provider = _provider(config)
        try:
            length = dimensions or await measured(provider, config)
        except ConfigurationError:
            await provider.aclose()
            raise
        policy = RetryPolicy(
            max_attempts=self._settings.model_max_attempts, total_seconds=self._settings.model_total_seconds
        )
        gateway = GatewayEmbedder(provider, config, length, policy=policy, clock=self._clock)
        self._gateways.append(gateway)
        return CachedEmbedder(gateway)

    def _config(self, name: str) -> ModelConfig:
        settings = self._settings
        key = settings.embedder_key or (settings.api_key if settings.embedder_url is None else None)
        return ModelConfig(
            model=name,
            base_url=settings.embedder_url or settings.base_url,
            api_key=key.get_secret_value() if key else None,
            connect_seconds=settings.model_connect_seconds,
            first_token_seconds=settings.model_first_token_seconds,
        )


def _provider(config: ModelConfig) -> EmbeddingProvider:
    if names_provider(config.model):
        from inference.litellm_embedding import LiteLLMEmbeddings

        return LiteLLMEmbeddings(config)
    if config.base_url is None:
        raise ConfigurationError(
            f"there is no embedder {config.model!r}: TREEHOLD_EMBEDDER is {MINILM!r}, a model of the node at "
            "TREEHOLD_EMBEDDER_URL, or provider/name"
        )
    from inference.node_embedding import NodeEmbeddings

    return NodeEmbeddings(config, config.base_url)
