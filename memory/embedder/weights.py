"""Reads a safetensors file: a header of JSON, then the tensors' bytes."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[np.float32]


def read_weights(path: Path) -> Mapping[str, Tensor]:
    """The file's float32 tensors by name, as views of the file: pages come in when they are used.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a safetensors file.

    Source: the safetensors format, https://github.com/huggingface/safetensors#format.
    """
    with path.open("rb") as file:
        head = file.read(8)
        if len(head) < 8:
            raise ValueError(f"{path} is too short to be a safetensors file")
        (length,) = struct.unpack("<Q", head)
        if length > path.stat().st_size - 8:
            raise ValueError(f"the header of {path} is longer than the file")
        header: dict[str, dict[str, object]] = json.loads(file.read(length))
    body = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length)
    return {name: _view(body, entry) for name, entry in header.items() if entry.get("dtype") == "F32"}


def _view(body: NDArray[np.uint8], entry: Mapping[str, object]) -> Tensor:
    match entry:
        case {"shape": [*shape], "data_offsets": [int(start), int(stop)]} if stop <= body.size:
            return body[start:stop].view("<f4").reshape(shape)
        case _:
            raise ValueError("a tensor lies outside the safetensors file")
