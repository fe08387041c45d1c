"""Vectors for texts from a node or a provider: batched, tried again, one length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.clock import Clock, SystemClock
from core.errors import ConfigurationError, ModelError, ModelRejected, ModelUnavailable
from inference.config import ModelConfig
from inference.failure import Unreachable, named
from inference.retry import Jitter, RetryPolicy, system_jitter

BATCH = 64
"""Texts in one request."""

MOST_CHARACTERS = 8_000
"""Of a text; what a node refuses as too long is halved."""

LEAST_CHARACTERS = 200
"""A text that is refused as too long with so few is refused for something else."""

PROBE = "How long is a vector?"


class EmbeddingProvider(Protocol):
    """One model that turns texts into vectors."""

    async def vectors(self, texts: Sequence[str]) -> list[list[float]]:
        """One request, one vector for each text, in their order.

        Raises:
            ModelError: the kind tells whether to try again.
        """
        ...

    async def aclose(self) -> None: ...


class GatewayEmbedder:
    """Unit vectors from one provider. The name of an index made with it is the model's and its length.

    Args:
        provider: makes the vectors.
        config: which model, and where.
        dimensions: of its vectors.
    """

    def __init__(
        self,
        provider: EmbeddingProvider,
        config: ModelConfig,
        dimensions: int,
        *,
        policy: RetryPolicy | None = None,
        clock: Clock | None = None,
        jitter: Jitter = system_jitter,
    ) -> None:
        self._provider = provider
        self._config = config
        self._dimensions = dimensions
        self._policy = policy or RetryPolicy()
        self._clock = clock or SystemClock()
        self._jitter = jitter
        self._met = False

    @property
    def name(self) -> str:
        return f"{self._config.model}-{self._dimensions}"

    @property
    def dimensions(self) -> int:
        return self._dimensions

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row for each text, in their order.

        Raises:
            ModelError: the node failed, also when it was asked again.
        """
        rows: list[NDArray[np.float32]] = []
        for start in range(0, len(texts), BATCH):
            rows += await self._batch([_sendable(text) for text in texts[start : start + BATCH]])
        return np.array(rows, dtype=np.float32).reshape(-1, self._dimensions)

    async def aclose(self) -> None:
        """Closes the provider."""
        await self._provider.aclose()

    async def _batch(self, texts: list[str]) -> list[NDArray[np.float32]]:
        try:
            return self._checked(await self._asked(texts), len(texts))
        except ModelRejected as error:
            if len(texts) > 1:
                half = len(texts) // 2
                return [*await self._batch(texts[:half]), *await self._batch(texts[half:])]
            if error.code != "context_window_exceeded" or len(texts[0]) < LEAST_CHARACTERS:
                raise
            return await self._batch([texts[0][: len(texts[0]) // 2]])

    async def _asked(self, texts: Sequence[str]) -> list[list[float]]:
        """One request, made again as other calls are."""
        started = self._clock.monotonic()
        failed: float | None = None
        failures = 0
        while True:
            try:
                vectors = await self._provider.vectors(texts)
            except ModelError as error:
                now = self._clock.monotonic()
                failures, failed = failures + 1, now if failed is None else failed
                self._met = self._met or not isinstance(error, Unreachable)
                delay = self._policy.delay(
                    error,
                    failures=failures,
                    elapsed=now - started,
                    failing=now - failed,
                    met=self._met,
                    jitter=self._jitter,
                )
                if delay is None:
                    raise
                await self._clock.sleep(delay)
            else:
                self._met = True
                return vectors

    def _checked(self, vectors: list[list[float]], count: int) -> list[NDArray[np.float32]]:
        rows = [np.array(vector, dtype=np.float32) for vector in vectors]
        if len(rows) != count or any(not np.isfinite(row).all() or not row.any() for row in rows):
            raise ModelUnavailable(f"{named(self._config)}: what it sent are no vectors for {count} texts")
        if any(row.shape != (self._dimensions,) for row in rows):
            raise ModelUnavailable(
                f"{named(self._config)} makes vectors of {rows[0].size} dimensions, and the index was made "
                f"with {self._dimensions}: run `treehold index rebuild`",
                retryable=False,
            )
        return [(row / np.linalg.norm(row)).astype(np.float32) for row in rows]


async def measured(provider: EmbeddingProvider, config: ModelConfig) -> int:
    """The length of a model's vectors.

    Raises:
        ConfigurationError: it gives none.
    """
    try:
        (vector,) = await provider.vectors([PROBE])
    except (ModelError, ValueError) as error:
        said = error.message if isinstance(error, ModelError) else f"{named(config)} gave no vector"
        raise ConfigurationError(f"TREEHOLD_EMBEDDER cannot be used: {said}") from error
    return len(vector)


def rows_of(reply: Any, config: ModelConfig) -> list[list[float]]:
    """The vectors of a reply in the shape of OpenAI's, which may come in any order.

    Raises:
        ModelUnavailable: it has another shape.
    """
    try:
        data: list[Any] = sorted(reply["data"], key=lambda item: item["index"])
        return [[float(value) for value in item["embedding"]] for item in data]
    except (KeyError, TypeError, ValueError) as error:
        raise ModelUnavailable(f"{named(config)}: what it sent are no vectors") from error


def _sendable(text: str) -> str:
    """Bounded, without broken characters; a node refuses an empty text."""
    return text[:MOST_CHARACTERS].encode("utf-8", "replace").decode() or " "
