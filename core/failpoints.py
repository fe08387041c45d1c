"""Fail-points: places between two statements where this process can be made to end or to stand still.

Off, and then no more than a look at an empty list, unless the variable names some: `POINT=ACTION` or
`POINT=ACTION@HIT`, several separated by semicolons. A point bears the name of what comes next, such as
`closing.end_agent`, `commit` or `relay.publish`; `*` is every point. ACTION is `kill` (as by `kill -9`) or
`stop` (as by SIGSTOP); HIT counts the times the point is reached, from 1.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

VARIABLE = "TREEHOLD_FAILPOINTS"
EVERY = "*"
SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


@dataclass
class _Armed:
    point: str
    number: signal.Signals
    left: int


_armed: list[_Armed] = []


def arm(wanted: str) -> None:
    """Replace what is armed. Raises `ValueError` for what is not written as above."""
    _armed[:] = [_parsed(one.strip()) for one in wanted.split(";") if one.strip()]


def reach(point: str) -> None:
    """Say that this point is reached; nothing happens unless it is armed."""
    if _armed:
        _strike(point)


def is_armed() -> bool:
    return bool(_armed)


def _parsed(one: str) -> _Armed:
    point, _, action = one.partition("=")
    name, _, hit = action.partition("@")
    if name not in SIGNALS:
        raise ValueError(f"{VARIABLE}: {one!r} must be POINT=kill or POINT=stop, then @HIT if wanted")
    return _Armed(point=point, number=SIGNALS[name], left=int(hit or 1))


def _strike(point: str) -> None:
    for armed in _armed:
        if armed.point in {point, EVERY}:
            armed.left -= 1
            if armed.left == 0:
                os.kill(os.getpid(), armed.number)


arm(os.environ.get(VARIABLE, ""))
