"""The statistics by themselves: how often intervals hold the truth, how soon and how falsely is retired."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from memory.insight_graph.lift import Counts, lift_of, retired_for

SETTINGS = ((0.7, 0.4, 100), (0.3, 0.3, 100), (0.2, 0.6, 60), (0.9, 0.85, 200), (0.5, 0.5, 30))
"""Success when shown and when withheld, and after how many tasks is looked."""


@dataclass(frozen=True, kw_only=True)
class Retirement:
    """Of insights judged after every task: the share that was retired, and after how many tasks."""

    share: float
    median: int | None
    p90: int | None


def coverage(rounds: int, *, seed: int = 5) -> dict[str, float]:
    """The share of intervals that hold the truth, by setting; one in ten tasks withheld."""
    random, found = Random(seed), dict[str, float]()
    for shown_well, withheld_well, tasks in SETTINGS:
        covered = 0
        for _ in range(rounds):
            *_, last = counted(random, shown_well, withheld_well, tasks, holdout=0.1)
            lift = lift_of(last)
            covered += lift.low <= shown_well - withheld_well <= lift.high
        found[f"{shown_well} vs {withheld_well}, {tasks} tasks"] = round(covered / rounds, 4)
    return found


def retirement(
    rounds: int, *, shown_well: float, withheld_well: float, tasks: int, holdout: float, seed: int = 6
) -> Retirement:
    random, ends = Random(seed), list[int]()
    for _ in range(rounds):
        for number, counts in enumerate(
            counted(random, shown_well, withheld_well, tasks, holdout=holdout), 1
        ):
            if retired_for(counts) is not None:
                ends.append(number)
                break
    ends.sort()
    return Retirement(
        share=round(len(ends) / rounds, 4),
        median=ends[len(ends) // 2] if ends else None,
        p90=ends[int(len(ends) * 0.9)] if ends else None,
    )


def counted(
    random: Random, shown_well: float, withheld_well: float, tasks: int, *, holdout: float
) -> Iterator[Counts]:
    """What is counted after each of the tasks."""
    shown = well = withheld = without = 0
    for _ in range(tasks):
        if random.random() < holdout:
            withheld += 1
            without += random.random() < withheld_well
        else:
            shown += 1
            well += random.random() < shown_well
        yield Counts(shown=shown, shown_well=well, withheld=withheld, withheld_well=without)
