"""One run: tasks and mishaps, from a seed; and the verdict at its end."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.chaos import ledger
from bench.chaos.effects import NAMES
from bench.chaos.patience import until
from bench.chaos.postgres import SQL
from bench.chaos.problems import OUTPUT, Problem, problem
from bench.chaos.stage import Plan, Stage, staged
from bench.chaos.verdict import Verdict, judge, percentile
from treehold import AsyncTreehold, Budget, TreeholdError

TOOLS = ("calculate", *NAMES.values())
CALM_SECONDS = 120.0
"""How long everything may take to end once nothing goes wrong any more."""


@dataclass(frozen=True, kw_only=True)
class Report:
    verdict: Verdict
    figures: dict[str, Any]


async def run(plan: Plan) -> Report:
    began = time.monotonic()
    async with staged(plan) as stage:
        watching = asyncio.create_task(stage.mishaps.watch())
        submitting = asyncio.create_task(_submit_all(stage))
        await _go_wrong(stage, submitting)
        stage.fleet.armoury = []
        await submitting
        seconds_of_calm = await _calm(stage)
        watching.cancel()
        verdict = await judge(stage.postgres, stage.problems, ledger.arrivals(stage.folder / "ledger"))
        figures = await _figures(stage, verdict)
        seconds = round(time.monotonic() - began, 1)
        return Report(
            verdict=verdict, figures={**figures, "calm_s": round(seconds_of_calm, 1), "seconds": seconds}
        )


async def _go_wrong(stage: Stage, submitting: asyncio.Task[None]) -> None:
    """Mishap after mishap, until there were enough of them, and all tasks have been submitted."""
    while stage.mishaps.kills < stage.plan.kills or not submitting.done():
        await asyncio.sleep(stage.chance.expovariate(1 / stage.plan.pause))
        if stage.fleet.orphaned:
            raise RuntimeError("somebody else ended the nursery: this run says nothing")
        await stage.mishaps.one()


async def _submit_all(stage: Stage) -> None:
    """So that tasks and kills come to their ends together, and some tasks are always open."""
    plan, chance = stage.plan, random.Random(stage.plan.seed + 1)
    stage.problems = [problem(number, chance) for number in range(plan.tasks)]
    for number, one in enumerate(stage.problems):
        await until(partial(_due, stage, number))
        await _submit(stage.client, one)
        stage.submitted += 1


async def _due(stage: Stage, number: int) -> bool:
    """Whether there is room for one more; while the kills lag behind, only for as many as keep them busy."""
    plan = stage.plan
    few = plan.open_tasks // 4
    behind = number - few > stage.mishaps.kills / plan.kills * plan.tasks
    return await stage.postgres.number(SQL.running) < (few if behind else plan.open_tasks)


async def _submit(client: AsyncTreehold, one: Problem) -> None:
    """Until the API says that it has it; the same request always bears the same key."""
    while True:
        try:
            await client.submit(
                one.goal,
                output_schema=OUTPUT,
                tools=TOOLS,
                memory=False,
                budget=Budget(tokens=20_000_000, tool_calls=100_000),
                idempotency_key=f"chaos-{one.number}",
            )
        except TreeholdError:
            await asyncio.sleep(0.2)
        else:
            return


async def _calm(stage: Stage) -> float:
    """Nothing goes wrong any more: all that is open must come to its end. Returns the seconds it took."""
    await stage.mishaps.settle()
    await stage.postgres.start()
    for process in stage.fleet.of("worker"):
        if process.armed:
            stage.fleet.kill(process)
    began = time.monotonic()

    async def settled() -> bool:
        return not await stage.postgres.number(SQL.unsettled)

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CALM_SECONDS):
            await until(settled)
    return time.monotonic() - began


async def _figures(stage: Stage, verdict: Verdict) -> dict[str, Any]:
    deaths = [death for death in stage.fleet.deaths if death.role == "worker"]
    recovered = await stage.postgres.fetch(
        SQL.recoveries,
        {"owners": [death.name for death in deaths], "times": [death.at for death in deaths]},
    )
    recoveries = [seconds for (seconds,) in recovered]
    calls = await stage.postgres.fetch(SQL.effects, {"names": list(NAMES.values())})
    return {
        "bench": "chaos",
        "tasks": stage.submitted,
        "kills": stage.mishaps.kills,
        **{name: value for name, value in vars(verdict).items() if name != "faults"},
        "recovery_p50_s": percentile(recoveries, 0.5),
        "recovery_p95_s": percentile(recoveries, 0.95),
        "recoveries": len(recoveries),
        "unsafe_unknown": sum(effect == "unsafe" and state == "unknown" for _, effect, state, _ in calls),
        "keyed_repeats": sum(effect == "keyed" and attempts > 1 for _, effect, _, attempts in calls),
        "killed_at_failpoints": sum(death.cause == "failpoint" for death in stage.fleet.deaths),
        "ended_by_themselves": sum(death.cause == "itself" for death in stage.fleet.deaths),
        "mishaps": dict(sorted(stage.mishaps.happened.items())),
        "broker": stage.plan.broker,
        "workers": stage.plan.workers,
        "seed": stage.plan.seed,
    }
