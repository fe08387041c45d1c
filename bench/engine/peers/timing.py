"""What every runner does: read jobs from stdin, run them, and write what they took to stdout.

A job and a result are a line of JSON each. Runs of a job go on at once, as many as its `concurrency`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

Run = Callable[[int], Awaitable["float | None"]]
"""Runs the workload once, told which run it is; returns its seconds where it knows them better."""

Build = Callable[[int, int], Run]
"""Makes the agents of a workload: how many workers (0: one agent alone), and model calls of each."""


@dataclass(frozen=True, kw_only=True)
class Job:
    width: int
    calls: int
    concurrency: int
    runs: int


@dataclass(frozen=True, kw_only=True)
class Result:
    """Seconds of each run and of all; processor seconds and peak memory of this process and its children."""

    walls: list[float]
    seconds: float
    cpu: float
    rss_mb: float


def serve(opening: Callable[[], AbstractAsyncContextManager[Build]]) -> None:
    """Until stdin ends."""
    results = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a framework prints is no result
    asyncio.run(_serve(opening, results))


async def _serve(opening: Callable[[], AbstractAsyncContextManager[Build]], results: Any) -> None:
    built: dict[tuple[int, int], Run] = {}
    number = 0
    async with opening() as build:
        while line := await asyncio.to_thread(sys.stdin.readline):
            job = Job(**json.loads(line))
            agents = (job.width, job.calls)
            if agents not in built:
                built[agents] = build(*agents)
            result = await _measured(job, built[agents], number)
            number += job.runs
            print(json.dumps(asdict(result)), file=results, flush=True)


async def _measured(job: Job, run: Run, first: int) -> Result:
    numbers = iter(range(first, first + job.runs))
    walls: list[float] = []

    async def one_after_the_other() -> None:
        for number in numbers:
            started = time.perf_counter()
            told = await run(number)
            walls.append(time.perf_counter() - started if told is None else told)

    _forget_peak()
    cpu, started = _cpu(), time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(job.concurrency)))
    return Result(
        walls=walls, seconds=time.perf_counter() - started, cpu=_cpu() - cpu, rss_mb=round(_peak_mb(), 1)
    )


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
