"""An embedder that asks once for the same text."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np

from memory.embedder.cache import VectorCache
from memory.ports import Embedder, Vectors

CACHED = 4096
"""Vectors kept, by what their text hashes to."""


class CachedEmbedder:
    """Wraps one whose calls cost more than a look."""

    def __init__(self, embedder: Embedder, *, cached: int = CACHED) -> None:
        self._embedder = embedder
        self._cache = VectorCache(cached)

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def dimensions(self) -> int:
        return self._embedder.dimensions

    async def embed(self, texts: Sequence[str]) -> Vectors:
        keys = [blake2b(text.encode("utf-8", "replace"), digest_size=16).digest() for text in texts]
        vectors = self._cache.get(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in vectors}
        if missing:
            made = dict(zip(missing, await self._embedder.embed(list(missing.values())), strict=True))
            self._cache.put(made)
            vectors |= made
        return np.array([vectors[key] for key in keys], dtype=np.float32).reshape(-1, self.dimensions)
