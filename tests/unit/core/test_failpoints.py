"""Fail-points end a process exactly where they say, and nowhere while nothing is armed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from core import failpoints

WALK = """
from core import failpoints
for number in range(3):
    for point in ("first", "second"):
        print(number, point, flush=True)
        failpoints.reach(point)
"""
ALL = ["0 first", "0 second", "1 first", "1 second", "2 first", "2 second"]


def walk(armed: str) -> tuple[int, list[str]]:
    """The exit status of a process that reaches two points in turn, and what it came to say."""
    done = subprocess.run(
        [sys.executable, "-c", WALK],
        env={**os.environ, failpoints.VARIABLE: armed},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize(
    ("armed", "seen"),
    [
        ("second=kill", 2),
        ("second=kill@2", 4),
        ("*=kill@3", 3),
        ("third=kill; first=kill@3", 5),
    ],
)
def test_a_process_is_killed_where_it_is_armed(armed: str, seen: int) -> None:
    assert walk(armed) == (-signal.SIGKILL, ALL[:seen])


def test_a_process_that_is_not_armed_goes_on() -> None:
    assert walk("") == (0, ALL)


def test_what_cannot_be_read_is_refused() -> None:
    with pytest.raises(ValueError, match="must be POINT=kill"):
        failpoints.arm("second=explode")
