"""One thread for each matrix product."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import numpy as np

SYMBOLS = ("scipy_openblas_set_num_threads64_", "openblas_set_num_threads64_", "openblas_set_num_threads")


def use_one_thread() -> bool:
    """Keep the OpenBLAS of numpy's wheel from starting threads of its own; whether it could be told.

    Its threads spin while they wait for one another. On two cores shared with other busy processes, two of
    them took three to four times as long as one; only on idle cores were they faster. Who sets
    `OPENBLAS_NUM_THREADS` or `OMP_NUM_THREADS` is left alone.
    """
    if {"OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"} & os.environ.keys():
        return False
    for path in Path(np.__file__).parents[1].joinpath("numpy.libs").glob("*openblas*"):
        library = ctypes.CDLL(str(path))
        for symbol in SYMBOLS:
            if hasattr(library, symbol):
                getattr(library, symbol)(1)
                return True
    return False
