"""Reads a safetensors file: a header of JSON, then the tensors' bytes."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[np.float32]


class Entry(TypedDict):
    """What the header says of a tensor; bytes are counted from the header's end."""

    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


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
        header: dict[str, Entry] = json.loads(file.read(length))
    header.pop("__metadata__", None)
    body = np.memmap(path, dtype=np.uint8, mode="r", offset=8 + length)
    return {name: _view(body, entry) for name, entry in header.items() if entry["dtype"] == "F32"}


def _view(body: NDArray[np.uint8], entry: Entry) -> Tensor:
    start, stop = entry["data_offsets"]
    if stop > body.size:
        raise ValueError("a tensor lies outside the safetensors file")
    return body[start:stop].view("<f4").reshape(entry["shape"])
