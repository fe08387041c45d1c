"""The forward pass of a BERT encoder in numpy: float32, inference only.

Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", 2019.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory.embedder.weights import Tensor

EPSILON = 1e-12
"""Of the layer norms."""

BLOCK = 16_384
"""Values that an element-wise pass takes at a time, so that its passes stay in the cache."""


@dataclass(frozen=True, kw_only=True)
class Dense:
    weight: Tensor
    """Shape (inputs, outputs)."""
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, x.shape[-1]) @ self.weight  # of three axes numpy would make many small products
        rows += self.bias
        return rows.reshape(*x.shape[:-1], -1)


@dataclass(frozen=True, kw_only=True)
class Norm:
    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        """Changes and returns `x`."""
        x -= x.mean(axis=-1, keepdims=True)
        variance = np.einsum("...i,...i->...", x, x)[..., None] / x.shape[-1]
        x *= self.weight / np.sqrt(variance + EPSILON)
        x += self.bias
        return x


@dataclass(frozen=True, kw_only=True)
class Layer:
    heads: int
    query_key_value: Dense
    attended: Dense
    attention_norm: Norm
    widen: Dense
    narrow: Dense
    output_norm: Norm

    def __call__(self, x: Tensor, absent: Tensor) -> Tensor:
        texts, length, width = x.shape
        parts = self.query_key_value(x).reshape(texts, length, 3, self.heads, width // self.heads)
        query, key, value = parts.transpose(2, 0, 3, 1, 4)
        scores = query @ key.swapaxes(-1, -2)
        scores += absent[:, None, None, :]
        context = _softmax(scores) @ value
        x = self.attention_norm(x + self.attended(context.swapaxes(1, 2).reshape(x.shape)))
        return self.output_norm(x + self.narrow(gelu(self.widen(x))))


class Bert:
    """The encoder alone; no pooler."""

    def __init__(self, weights: Mapping[str, Tensor], *, layers: int, heads: int) -> None:
        """Raises `KeyError` when a tensor is missing."""
        self._words = weights["embeddings.word_embeddings.weight"]
        self._places = (
            weights["embeddings.position_embeddings.weight"]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = _norm(weights, "embeddings.LayerNorm")
        self._layers = [_layer(weights, f"encoder.layer.{n}", heads) for n in range(layers)]

    def __call__(self, tokens: NDArray[np.int64], present: NDArray[np.bool_]) -> Tensor:
        """Token vectors, shape (texts, length, width), for token numbers and a mask of (texts, length)."""
        x = self._norm(self._words[tokens] + self._places[: tokens.shape[1]])
        absent = np.where(present, np.float32(0), np.float32(-1e9))
        for layer in self._layers:
            x = layer(x, absent)
        return x


def gelu(x: Tensor) -> Tensor:
    """Changes and returns `x`: each value times the standard normal's distribution function at it.

    Source: the error function by formula 7.1.26 of Abramowitz and Stegun, "Handbook of Mathematical
    Functions", 1964; off by 1.5e-7 at most.
    """
    flat = x.reshape(-1)
    for start in range(0, flat.size, BLOCK):
        part = flat[start : start + BLOCK]
        size = np.abs(part)
        t = size * np.float32(0.3275911 * np.sqrt(0.5))
        t += 1
        np.reciprocal(t, out=t)
        tail = t * np.float32(1.061405429)
        for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
            tail += np.float32(coefficient)
            tail *= t
        np.square(part, out=t)
        t *= np.float32(-0.5)
        tail *= np.exp(t, out=t)
        tail *= size
        tail *= np.float32(0.5)
        np.maximum(part, 0, out=part)
        part -= tail
    return x


def _softmax(scores: Tensor) -> Tensor:
    """Over the last axis; changes and returns its argument."""
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    return scores


def _layer(weights: Mapping[str, Tensor], name: str, heads: int) -> Layer:
    query, key, value = (
        _dense(weights, f"{name}.attention.self.{part}") for part in ("query", "key", "value")
    )
    scale = np.float32((query.bias.size // heads) ** -0.5)
    return Layer(
        heads=heads,
        query_key_value=Dense(
            weight=np.hstack([query.weight * scale, key.weight, value.weight]),
            bias=np.hstack([query.bias * scale, key.bias, value.bias]),
        ),
        attended=_dense(weights, f"{name}.attention.output.dense"),
        attention_norm=_norm(weights, f"{name}.attention.output.LayerNorm"),
        widen=_dense(weights, f"{name}.intermediate.dense"),
        narrow=_dense(weights, f"{name}.output.dense"),
        output_norm=_norm(weights, f"{name}.output.LayerNorm"),
    )


def _dense(weights: Mapping[str, Tensor], name: str) -> Dense:
    weight = np.ascontiguousarray(weights[f"{name}.weight"].T)
    return Dense(weight=weight, bias=np.array(weights[f"{name}.bias"]))


def _norm(weights: Mapping[str, Tensor], name: str) -> Norm:
    return Norm(weight=np.array(weights[f"{name}.weight"]), bias=np.array(weights[f"{name}.bias"]))
