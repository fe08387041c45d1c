"""`python -m bench.chaos`: kill, stop and confuse a deployment at work, and count what came of it.

Workers, an API, Postgres and (with `--broker redis` or `rabbitmq`) a broker run as processes of their own and
are killed at random points, some exactly between two statements; the last line is one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.chaos.run import Report, run
from bench.chaos.stage import Plan

QUICK = Plan(tasks=40, kills=20)


def show(report: Report) -> None:
    table = Table(title="Under fire", show_header=False)
    for name, value in report.figures.items():
        table.add_row(name, json.dumps(value) if isinstance(value, dict) else str(value))
    console = Console(stderr=True)
    console.print(table)
    for fault in report.verdict.faults[:20]:
        console.print(fault, markup=False)


def main() -> None:
    parser = argparse.ArgumentParser(description="Kill a deployment at work, and count what came of it.")
    parser.add_argument("--tasks", type=int, default=Plan.tasks)
    parser.add_argument("--kills", type=int, default=Plan.kills, help="at least")
    parser.add_argument("--workers", type=int, default=Plan.workers)
    parser.add_argument("--broker", default=Plan.broker, help="memory, redis, rabbitmq, or a URL")
    parser.add_argument("--seed", type=int, default=Plan.seed)
    parser.add_argument("--pause", type=float, default=Plan.pause, help="mean seconds between mishaps")
    parser.add_argument("--keep", type=Path, help="a new folder to leave logs and ledger in")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK.tasks} tasks and {QUICK.kills} kills")
    parser.add_argument("--json", action="store_true", help="only the JSON line")
    options = parser.parse_args()
    report = asyncio.run(
        run(
            Plan(
                tasks=QUICK.tasks if options.quick else options.tasks,
                kills=QUICK.kills if options.quick else options.kills,
                workers=options.workers,
                broker=options.broker,
                seed=options.seed,
                pause=options.pause,
                keep=options.keep,
            )
        )
    )
    if not options.json:
        show(report)
    print(json.dumps(report.figures))
    sys.exit(0 if report.verdict.clean else 1)


if __name__ == "__main__":
    main()
