"""What every index keeps: vectors that can be compared, payloads that every store can hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import islice

import numpy as np
import orjson
from numpy.typing import NDArray

from core.database import jsonb
from core.errors import StorageError
from memory.ports import Point


def checked(vector: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    """The vector, ready to be sent.

    Raises:
        StorageError: it is not a unit vector of the embedder's length, so no similarity would mean anything.
    """
    if vector.shape != (dimensions,) or not abs(float(np.linalg.norm(vector)) - 1) < 1e-3:
        raise StorageError(f"the vector index takes unit vectors of {dimensions} dimensions")
    return np.ascontiguousarray(vector, dtype=np.float32)


def storable(payload: Mapping[str, str]) -> dict[str, str]:
    """The payload without what JSON in Postgres cannot hold; the same for every index."""
    return orjson.loads(jsonb(dict(payload)))


def digest_of(text: str, payload: Mapping[str, str]) -> str:
    """Different for every text and payload: tells whether a point is what its record says now."""
    return blake2b(jsonb([text, dict(payload)]).encode(), digest_size=16).hexdigest()


def batches(points: Sequence[Point], size: int) -> Iterator[list[Point]]:
    """The points in order of id, so that writers cannot deadlock; of several with one id the last."""
    rest = iter(sorted({point.id: point for point in points}.values(), key=lambda point: point.id))
    while batch := list(islice(rest, size)):
        yield batch
