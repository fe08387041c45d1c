"""The safetensors file format: a JSON header, then tensors; mapped into memory, read where they are used."""

from __future__ import annotations

import json
import mmap
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Tensors = dict[str, NDArray[np.float32]]


def read(path: Path) -> Tensors:
    """The file's float32 tensors by name: read-only views of one memory map; other types are left out.

    Raises:
        ValueError: the file is cut short or is no safetensors file.
        OSError: it cannot be read.

    Source: the format's description at https://github.com/huggingface/safetensors.
    """
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    length = int.from_bytes(mapped[:8], "little")
    if 8 + length > len(mapped):
        raise ValueError(f"{path.name}: the header is cut short")
    header = json.loads(mapped[8 : 8 + length])
    content = memoryview(mapped)[8 + length :]
    tensors: Tensors = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        start, end = entry["data_offsets"]
        if end > len(content):
            raise ValueError(f"{path.name}: {name} is cut short")
        tensors[name] = np.frombuffer(content[start:end], dtype="<f4").reshape(entry["shape"])
    return tensors
