"""The forward pass of a BERT encoder in numpy, with mean pooling: token ids in, unit vectors out.

Sources: Devlin et al. 2019 (BERT), Reimers and Gurevych 2019 (mean pooling), Abramowitz and Stegun 1964,
formula 7.1.26 (the error function).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memory.embedder.safetensors import Tensors
from memory.ports import Vectors

Array = NDArray[np.float32]

EPSILON = np.float32(1e-12)
_BLOCK = 16_384
"""Elements that gelu works on at a time, so that its passes stay in the processor's cache."""

_P = np.float32(0.3275911 / np.sqrt(2))
_COEFFICIENTS = tuple(
    np.float32(half / 2) for half in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
)


def gelu(values: Array) -> None:
    """x Φ(x), written over `values`; the absolute error is under 5e-7.

    With t = 1 / (1 + p|x| / √2), 7.1.26 gives Φ(-|x|) as a polynomial in t times exp(-x² / 2).
    """
    flat = values.reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        block = flat[start : start + _BLOCK]
        size = np.abs(block)
        t = size * _P
        t += 1
        np.reciprocal(t, out=t)
        tail = t * _COEFFICIENTS[0]
        for coefficient in _COEFFICIENTS[1:]:
            tail += coefficient
            tail *= t
        tail *= size
        size *= size
        size *= np.float32(-0.5)
        tail *= np.exp(size, out=size)
        np.maximum(block, 0, out=block)
        block -= tail


@dataclass(frozen=True, kw_only=True)
class Linear:
    """x W + b; W has shape (inputs, outputs)."""

    weight: Array
    bias: Array

    def __call__(self, values: Array) -> Array:
        result = values @ self.weight
        result += self.bias
        return result


@dataclass(frozen=True, kw_only=True)
class Norm:
    """Layer normalisation over the last axis."""

    weight: Array
    bias: Array

    def __call__(self, values: Array) -> Array:
        centred = values - values.mean(axis=-1, keepdims=True)
        variance = np.einsum("...i,...i->...", centred, centred)[..., None] / np.float32(values.shape[-1])
        centred /= np.sqrt(variance + EPSILON)
        centred *= self.weight
        centred += self.bias
        return centred


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One encoder layer: attention, then the wide part, each added to its input and normalised."""

    attention: Linear
    """Queries, keys and values side by side; queries are already divided by √(head size)."""
    attended: Linear
    attended_norm: Norm
    widen: Linear
    narrow: Linear
    narrow_norm: Norm

    def __call__(self, hidden: Array, bias: Array | None, heads: int) -> Array:
        """`hidden` has shape (texts, tokens, size); `bias`, (texts, 1, 1, tokens), hides padding."""
        texts, tokens, size = hidden.shape
        rows = hidden.reshape(texts * tokens, size)
        parts = self.attention(rows).reshape(texts, tokens, 3, heads, size // heads)
        query, key, value = (parts[:, :, part].transpose(0, 2, 1, 3) for part in range(3))
        scores = query @ key.swapaxes(-1, -2)
        if bias is not None:
            scores += bias
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed = (scores @ value).transpose(0, 2, 1, 3).reshape(texts * tokens, size)
        rows = self.attended_norm(self.attended(mixed) + rows)
        wide = self.widen(rows)
        gelu(wide)
        return self.narrow_norm(self.narrow(wide) + rows).reshape(texts, tokens, size)


class Bert:
    """An encoder made from the tensors of a `BertModel`, by their names."""

    def __init__(self, tensors: Tensors, *, heads: int) -> None:
        self._heads = heads
        self._words = tensors["embeddings.word_embeddings.weight"]
        self._places = (
            tensors["embeddings.position_embeddings.weight"]
            + tensors["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = _norm(tensors, "embeddings.LayerNorm")
        count = len({name.split(".")[2] for name in tensors if name.startswith("encoder.layer.")})
        self._layers = [_layer(tensors, f"encoder.layer.{number}", heads) for number in range(count)]

    def embed(self, texts: Sequence[Sequence[int]]) -> Vectors:
        """One unit vector per list of token ids; memory grows with the longest times their number."""
        lengths = np.array([len(ids) for ids in texts])
        longest = int(lengths.max())
        padded = np.zeros((len(texts), longest), dtype=np.int64)
        for row, ids in enumerate(texts):
            padded[row, : len(ids)] = ids
        mask = np.arange(longest) < lengths[:, None]
        bias = None
        if not mask.all():
            bias = np.where(mask, np.float32(0), np.finfo(np.float32).min)[:, None, None, :]
        hidden = self._norm(self._words[padded] + self._places[:longest])
        for layer in self._layers:
            hidden = layer(hidden, bias, self._heads)
        pooled = (hidden * mask[:, :, None].astype(np.float32)).sum(axis=1)
        pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
        return pooled


def _linear(tensors: Tensors, name: str) -> Linear:
    return Linear(
        weight=np.ascontiguousarray(tensors[f"{name}.weight"].T), bias=tensors[f"{name}.bias"].copy()
    )


def _norm(tensors: Tensors, name: str) -> Norm:
    return Norm(weight=tensors[f"{name}.weight"].copy(), bias=tensors[f"{name}.bias"].copy())


def _layer(tensors: Tensors, name: str, heads: int) -> Layer:
    parts = [_linear(tensors, f"{name}.attention.self.{part}") for part in ("query", "key", "value")]
    size = parts[0].weight.shape[0]
    scale = np.float32((size // heads) ** -0.5)
    return Layer(
        attention=Linear(
            weight=np.concatenate([parts[0].weight * scale, *(part.weight for part in parts[1:])], axis=1),
            bias=np.concatenate([parts[0].bias * scale, *(part.bias for part in parts[1:])]),
        ),
        attended=_linear(tensors, f"{name}.attention.output.dense"),
        attended_norm=_norm(tensors, f"{name}.attention.output.LayerNorm"),
        widen=_linear(tensors, f"{name}.intermediate.dense"),
        narrow=_linear(tensors, f"{name}.output.dense"),
        narrow_norm=_norm(tensors, f"{name}.output.LayerNorm"),
    )
