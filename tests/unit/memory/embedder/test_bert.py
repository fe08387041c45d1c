from __future__ import annotations

import math

import numpy as np

from memory.embedder.bert import gelu


def test_gelu_is_within_a_millionth_of_its_definition() -> None:
    values = np.linspace(-12, 12, 100_001, dtype=np.float32)
    exact = np.array([value * math.erfc(-value / math.sqrt(2)) / 2 for value in values.tolist()])
    assert np.abs(gelu(values.copy()) - exact).max() < 1e-6


def test_gelu_stands_values_of_any_size() -> None:
    values = np.array([[-1e4, -100, -0.0], [0, 100, 1e4]], dtype=np.float32)
    assert gelu(values.copy()).tolist() == [[0, 0, 0], [0, 100, np.float32(1e4)]]
