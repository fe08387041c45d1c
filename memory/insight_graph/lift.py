"""Lift: how much better tasks end that are shown an insight than tasks it is held out of.

The interval is Newcombe's hybrid score interval for a difference of two proportions (Statistics in Medicine
17, 1998, method 10), made of Wilson's interval for each. It keeps its rate with few tasks in an arm, and with
none it says that nothing is known.
"""

from __future__ import annotations

from math import sqrt

from pydantic import BaseModel, ConfigDict, Field

from memory.insight_graph.model import RetiredFor

CONFIDENCE_Z = 1.959964
"""95 %, two-sided."""

DOUBT_Z = 1.281552
"""90 %, one-sided: enough against an insight whose tasks mostly fail anyway."""

LEAST_SHOWN = 8
LEAST_WITHHELD = 3
"""An insight is not judged by fewer tasks, whatever the interval says."""

FAILING_SHOWN = 20
"""From so many tasks on, mostly failing counts against an insight."""


class Counts(BaseModel):
    """Tasks that were shown an insight and tasks it was withheld from, and how many of each ended well."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    shown: int = Field(default=0, ge=0)
    shown_well: int = Field(default=0, ge=0)
    withheld: int = Field(default=0, ge=0)
    withheld_well: int = Field(default=0, ge=0)


class Lift(Counts):
    """The difference between both rates of success, and its 95 % interval; no lift while an arm is empty."""

    lift: float | None
    low: float
    high: float


def wilson(well: int, tasks: int, z: float = CONFIDENCE_Z) -> tuple[float, float]:
    """Wilson's score interval of a rate."""
    if tasks == 0:
        return 0.0, 1.0
    rate, square = well / tasks, z * z
    middle = (rate + square / (2 * tasks)) / (1 + square / tasks)
    half = z * sqrt(rate * (1 - rate) / tasks + square / (4 * tasks * tasks)) / (1 + square / tasks)
    return max(0.0, middle - half), min(1.0, middle + half)


def lift_of(counts: Counts, z: float = CONFIDENCE_Z) -> Lift:
    if not counts.shown or not counts.withheld:
        return Lift(**counts.model_dump(), lift=None, low=-1.0, high=1.0)
    with_it, without = counts.shown_well / counts.shown, counts.withheld_well / counts.withheld
    low_with, high_with = wilson(counts.shown_well, counts.shown, z)
    low_without, high_without = wilson(counts.withheld_well, counts.withheld, z)
    lift = with_it - without
    return Lift(
        **counts.model_dump(),
        lift=lift,
        low=lift - sqrt((with_it - low_with) ** 2 + (high_without - without) ** 2),
        high=lift + sqrt((high_with - with_it) ** 2 + (without - low_without) ** 2),
    )


def retired_for(counts: Counts) -> RetiredFor | None:
    """Why an insight is to be shown no more, if it is.

    `harm`: the whole interval of its lift lies below zero. `worth`: its tasks mostly fail, and it is more
    likely than nine in ten that they would fail less without it. One whose tasks fail because they are hard
    stays, and so does one that nothing can be said about.
    """
    if counts.shown < LEAST_SHOWN or counts.withheld < LEAST_WITHHELD:
        return None
    if lift_of(counts).high < 0:
        return "harm"
    failing = counts.shown >= FAILING_SHOWN and wilson(counts.shown_well, counts.shown)[1] < 0.5
    return "worth" if failing and lift_of(counts, DOUBT_Z).high < 0 else None
