"""Dialogues with exact gold state: the task tree with its operations given, then memories under one parser.

`python -m bench.memory.dialogues [--quick]`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter

from rich.console import Console
from rich.table import Table

from bench.memory.dialogues import scripted
from bench.memory.dialogues.arms import ARMS
from bench.memory.dialogues.generator import Dialogue, dialogues
from bench.memory.dialogues.measures import Tally

DIALOGUES = 240
QUICK = 40
SEED = 1


async def run(count: int) -> dict[str, object]:
    talks = list(dialogues(count, seed=SEED))
    exact = scripted.Exactness()
    for dialogue in talks:
        await scripted.measure(dialogue, exact)
    figures: dict[str, object] = {
        "dialogues": len(talks),
        "turns": exact.turns,
        "seed": SEED,
        "acts": dict(Counter(step.act for talk in talks for turn in talk.turns for step in turn.steps)),
        "scripted": {
            "state_accuracy": exact.exact_states / exact.turns,
            "exact_reruns": exact.exact_reruns / exact.turns,
            "reruns_per_change": round(exact.again / exact.changes, 4),
            "all_per_change": round(exact.all_again / exact.changes, 4),
        },
    }
    for name in ARMS:
        figures[name] = await _arm(name, talks)
    return figures


async def _arm(name: str, talks: list[Dialogue]) -> dict[str, float]:
    tally, started = Tally(), time.perf_counter()
    for dialogue in talks:
        await tally.take(dialogue, ARMS[name]())
    seconds = time.perf_counter() - started
    return tally.figures() | {"ms_per_turn": round(1000 * seconds / tally.turns, 2)}


def show(figures: dict[str, object]) -> None:
    table = Table("", *ARMS, title=f"{figures['dialogues']} dialogues, {figures['turns']} turns, one parser")
    arms: list[dict[str, float]] = [figures[name] for name in ARMS]  # type: ignore[misc]
    for measure in arms[0]:
        table.add_row(measure, *(f"{arm.get(measure, float('nan')):,.4g}" for arm in arms))
    console = Console(width=110)
    console.print(table)
    console.print(f"with the operations given: {figures['scripted']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} dialogues in place of {DIALOGUES}")
    figures = asyncio.run(run(QUICK if parser.parse_args().quick else DIALOGUES))
    show(figures)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
