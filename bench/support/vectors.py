"""An embedder without a model: words hashed to places of a vector, so texts that share words are near."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from memory.ports import Vectors


class HashEmbedder:
    dimensions = 384

    @property
    def name(self) -> str:
        return "hash-1"

    async def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().split():
                place = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4]) % self.dimensions
                vectors[row, place] += 1
            vectors[row] /= max(1e-9, float(np.linalg.norm(vectors[row])))
        return vectors
