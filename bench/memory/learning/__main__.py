"""Success over time with no memory, nearest advice and full memory; what is retired, and how true lift is.

`python -m bench.memory.learning [--quick]`. Every arm meets the same tasks in the same order. The family says
how likely a task ends well by what its agent was shown; the full memory is the real one, over Postgres.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from rich.console import Console
from rich.table import Table

from bench.memory.learning.arms import Exposures, Stage, open_stage
from bench.memory.learning.family import Advice, Kind, Nature, family
from bench.memory.learning.rates import coverage, retirement

HOLD_OUT = 0.1
QUARTERS = 4
Arm = str


@dataclass(frozen=True, kw_only=True)
class Size:
    kinds: int
    tasks: int
    """Of each kind."""
    rounds: int
    """Of the statistics by themselves."""


FULL = Size(kinds=8, tasks=120, rounds=2_000)
QUICK = Size(kinds=3, tasks=40, rounds=300)


@dataclass(frozen=True, kw_only=True)
class Run:
    ended_well: dict[Arm, list[bool]]
    kinds: list[Kind]
    stage: Stage
    covered: list[bool]
    """Whether the 95 % interval of an insight's lift held what the family says it is."""


async def run(size: Size, seed: int) -> Run:
    kinds = family(Random(seed), size.kinds)
    order = [kind for kind in kinds for _ in range(size.tasks)]
    Random(seed + 1).shuffle(order)
    goals_random = Random(seed + 2)
    tasks = [(kind, kind.task(goals_random)) for kind in order]
    async with open_stage(seed + 3, holdout=HOLD_OUT) as stage:
        await stage.prepare(kinds, Random(seed + 4))
        ended: dict[Arm, list[bool]] = {}
        chance = Random(seed + 5)
        ended["none"] = [chance.random() < kind.chance(()) for kind, _ in tasks]
        chance = Random(seed + 5)
        ended["vector-only"] = [
            chance.random() < kind.chance(await stage.nearest(goal)) for kind, goal in tasks
        ]
        chance = Random(seed + 5)
        ended["full"] = [
            await stage.remembered(kind, goal, number, chance) for number, (kind, goal) in enumerate(tasks)
        ]
        covered = await _covered(stage)
    return Run(ended_well=ended, kinds=kinds, stage=stage, covered=covered)


async def _covered(stage: Stage) -> list[bool]:
    """By the mean chances of both arms; insights with too few tasks in either say nothing."""
    covered: list[bool] = []
    for text, exposures in stage.exposures.items():
        if len(exposures.shown) < 5 or len(exposures.withheld) < 5:
            continue
        truth = statistics.fmean(exposures.shown) - statistics.fmean(exposures.withheld)
        lift = await stage.lift(text)
        covered.append(lift.low <= truth <= lift.high)
    return covered


def quarters(ended_well: Sequence[bool]) -> list[float]:
    """Success by quarters of the run."""
    size = len(ended_well) // QUARTERS
    return [round(statistics.fmean(ended_well[n * size : (n + 1) * size]), 4) for n in range(QUARTERS)]


def of_nature(run: Run, nature: Nature) -> list[tuple[Advice, Exposures]]:
    return [
        (advice, run.stage.exposures[advice.text])
        for kind in run.kinds
        for advice in kind.advice
        if advice.nature == nature and advice.text in run.stage.exposures
    ]


def figures(run: Run, size: Size) -> dict[str, object]:
    harmful, helpful = of_nature(run, "harmful"), of_nature(run, "helpful")
    retired = sorted(one.retired_after for _, one in harmful if one.retired_after is not None)
    tail = [chance for _, one in harmful for chance in one.shown[len(one.shown) // 2 :]]
    pure = coverage(size.rounds)
    alone = retirement(size.rounds, shown_well=0.3, withheld_well=0.6, tasks=400, holdout=HOLD_OUT)
    kept = retirement(size.rounds, shown_well=0.6, withheld_well=0.3, tasks=400, holdout=HOLD_OUT)
    return {
        "tasks": len(run.ended_well["full"]),
        **{
            f"success_{arm.replace('-', '_')}": round(statistics.fmean(ended), 4)
            for arm, ended in run.ended_well.items()
        },
        **{f"success_by_quarter_{arm.replace('-', '_')}": quarters(e) for arm, e in run.ended_well.items()},
        "harmful": len(harmful),
        "harmful_retired": len(retired),
        "harmful_exposures_to_retire_p50": statistics.median(retired) if retired else None,
        "harmful_exposures_to_retire_max": retired[-1] if retired else None,
        "harmful_exposures_mean": round(statistics.fmean(one.tasks for _, one in harmful), 1),
        "harmful_shown_late": len(tail),
        "helpful": len(helpful),
        "helpful_retired": sum(one.retired_after is not None for _, one in helpful),
        "lift_intervals": len(run.covered),
        "lift_coverage_family": round(statistics.fmean(run.covered), 4) if run.covered else None,
        "lift_coverage": pure,
        "retire_harmful_share": alone.share,
        "retire_harmful_tasks_p50": alone.median,
        "retire_harmful_tasks_p90": alone.p90,
        "false_retire_share": kept.share,
        "holdout": HOLD_OUT,
    }


def report(run: Run, told: dict[str, object], console: Console) -> None:
    table = Table(title="Tasks that ended well, by quarter of the run")
    table.add_column("arm")
    for number in range(QUARTERS):
        table.add_column(f"{number + 1}", justify="right")
    table.add_column("all", justify="right")
    for arm, ended in run.ended_well.items():
        table.add_row(arm, *(f"{part:.1%}" for part in quarters(ended)), f"{statistics.fmean(ended):.1%}")
    console.print(table)
    advice = Table(title="Advice in the full memory")
    for heading in ("nature", "pieces", "shown", "withheld", "retired", "tasks to retire"):
        advice.add_column(heading, justify="left" if heading == "nature" else "right")
    for nature in ("helpful", "useless", "harmful"):
        pieces = [one for _, one in of_nature(run, nature)]
        ends = sorted(one.retired_after for one in pieces if one.retired_after is not None)
        advice.add_row(
            nature,
            str(len(pieces)),
            str(sum(len(one.shown) for one in pieces)),
            str(sum(len(one.withheld) for one in pieces)),
            str(len(ends)),
            f"{ends[0]} to {ends[-1]}" if ends else "",
        )
    console.print(advice)
    rates = Table(title="The statistics by themselves")
    rates.add_column("what")
    rates.add_column("figure", justify="right")
    for name in (
        "lift_coverage_family",
        "lift_coverage",
        "retire_harmful_share",
        "retire_harmful_tasks_p50",
        "retire_harmful_tasks_p90",
        "false_retire_share",
    ):
        rates.add_row(name, str(told[name]))
    console.print(rates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer kinds and tasks")
    parser.add_argument("--seed", type=int, default=20)
    arguments = parser.parse_args()
    size = QUICK if arguments.quick else FULL
    done = asyncio.run(run(size, arguments.seed))
    told = figures(done, size)
    report(done, told, Console(file=sys.stdout, width=100))
    print(json.dumps(told))


if __name__ == "__main__":
    main()
