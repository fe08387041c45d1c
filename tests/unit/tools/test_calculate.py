"""Arithmetic is exact, and nothing else is evaluated."""

from __future__ import annotations

import math
import time

import pytest

from core.errors import ToolInputInvalid
from tools.builtin.calculate import calculate


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 2 * 3", 7),
        ("0.1 + 0.2", 0.3),
        ("(1200 - 950) / 950 * 100", 26.31578947368421),
        ("-7 // 2", -4),
        ("7 % 3", 1),
        ("2 ** 10", 1024),
        ("2^10", 1024),
        ("2 ** -1", 0.5),
        ("10 / 5", 2),
        ("round(2.345, 2)", 2.34),
        ("sum([1, 2.5, 3])", 6.5),
        ("mean(1, 2, 3)", 2),
        ("median(4, 1, 3, 2)", 2.5),
        ("max(3, -1) - min(3, -1)", 4),
        ("sqrt(16)", 4),
        ("9 ** 0.5", 3),
        ("log(8, 2)", 3),
        ("abs(-3.5) + floor(2.9) + ceil(2.1)", 8.5),
        ("pi", math.pi),
    ],
)
def test_values(expression: str, value: float) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize(
    "expression",
    [
        *(
            "__import__('os').system('id')",
            "().__class__",
            "open('/etc/passwd')",
            "[x for x in (1,)]",
            "x",
            "'a'",
        ),
        *(
            "True",
            "1 if 1 else 2",
            "lambda: 1",
            "1; 2",
            "1 < 2",
            "1 / 0",
            "0 ** -1",
            "9 ** 9 ** 9",
            "2 ** 100000",
        ),
        *("(-8) ** 0.5", "1e999", "sqrt(-1)", "log(0)", "max()", "round(1, 1e9)", "f(1)", "1 +", "", " "),
        *("(" * 300 + "1" + ")" * 300, "-" * 900 + "1", "abs(*[1])", "sum(x=1)", "10 ** 1000 * 10 ** 1000"),
    ],
)
def test_anything_else_is_refused_at_once(expression: str) -> None:
    started = time.monotonic()
    with pytest.raises(ToolInputInvalid):
        calculate(expression)
    assert time.monotonic() - started < 1
