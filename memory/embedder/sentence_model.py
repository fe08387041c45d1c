"""A sentence-transformers model folder as a function from texts to unit vectors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray
from tokenizers import Tokenizer

from memory.embedder.bert import Bert
from memory.embedder.weights import Tensor, read_weights

Tokens = Sequence[int]


class SentenceModel:
    """Wordpieces, a BERT encoder, the mean of its token vectors, length 1."""

    def __init__(self, folder: Path) -> None:
        """Load the model.

        Raises:
            OSError, ValueError, KeyError: a file is missing or damaged.
        """
        config = orjson.loads((folder / "config.json").read_bytes())
        limit = orjson.loads((folder / "sentence_bert_config.json").read_bytes())["max_seq_length"]
        self.dimensions: int = config["hidden_size"]
        self._tokenizer = Tokenizer.from_buffer((folder / "tokenizer.json").read_bytes())
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(limit)  # pyright: ignore[reportUnknownMemberType] - untyped **kwargs
        self._encoder = Bert(
            read_weights(folder / "model.safetensors"),
            layers=config["num_hidden_layers"],
            heads=config["num_attention_heads"],
        )

    def tokenize(self, texts: Iterable[str]) -> list[Tokens]:
        """Token numbers, with the marks of start and end."""
        return [self._tokenizer.encode(text).ids for text in texts]

    def embed(self, batch: Sequence[Tokens]) -> Tensor:
        """One row for each text of the batch; texts of one length waste nothing."""
        lengths = np.array([len(tokens) for tokens in batch])
        present: NDArray[np.bool_] = np.less(np.arange(max(map(len, batch))), lengths[:, None])
        numbers = np.zeros(present.shape, dtype=np.int64)
        numbers[present] = np.concatenate(batch)
        sums = np.einsum("tlw,tl->tw", self._encoder(numbers, present), present.astype(np.float32))
        return sums / np.linalg.norm(sums, axis=1, keepdims=True)
