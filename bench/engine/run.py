"""The benchmark itself: every framework in turn does every workload, alone on the machine with the model."""

from __future__ import annotations

import asyncio
import math
import statistics
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo

from bench.engine.environments import ROOT, NotInstalled, installed, own_version
from bench.engine.frameworks import Framework
from bench.engine.peers.timing import Job, Result
from bench.engine.runner import QUIET, Runner, RunnerFailed, running, tree_seconds
from bench.engine.workloads import CHAIN, FANOUT, SPAWN, WORKLOADS, Workload
from bench.support.site import TemporarySite

OURS = ("treehold", "treehold_no_memory")
OWN_KEEPS = "every call, budget, event and plan"
CELL_SECONDS = 240.0
WARM_UP = 2

Plan = Mapping[str, Sequence[tuple[int, int]]]
"""For each workload: at how many at once, how many runs."""

FULL: Plan = {
    CHAIN: ((1, 10), (8, 32), (64, 128)),
    SPAWN: ((1, 20), (8, 64), (32, 128), (64, 192)),
    FANOUT: ((1, 3), (8, 8), (64, 64)),
}
QUICK: Plan = {CHAIN: ((1, 3),), SPAWN: ((1, 5), (8, 16)), FANOUT: ((1, 1),)}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One workload of one framework at one concurrency. Milliseconds are of one model call.

    Attributes:
        overhead_ms: of the median run: wall, less what its critical path waits for the model.
        cpu_ms: of the framework's process; `postgres_cpu_ms` of the database server.
        short: how many model calls the server missed; anything but 0 makes the figures meaningless.
    """

    workload: str
    concurrency: int
    runs: int
    wall_s: float
    overhead_ms: float
    runs_per_s: float
    cpu_ms: float
    postgres_cpu_ms: float
    rss_mb: float
    short: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """A framework's figures, or why there are none or no more."""

    name: str
    versions: str
    keeps: str
    cells: tuple[Cell, ...] = ()
    fault: str | None = None


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What all frameworks share: the model's server, and a Postgres each has a database of its own in."""

    model: str
    http: aiohttp.ClientSession
    site: TemporarySite
    postmaster: int

    async def reset(self, latency: float) -> int:
        """Set the model's latency; returns how many calls it answered since the last time."""
        async with self.http.post(f"{self.model}/set", json={"latency": latency}) as response:
            return (await response.json())["asked"]

    async def database(self, name: str) -> str:
        """A new database's address, as its owner."""
        known = self.site.admin.info
        await self.site.admin.execute(f'CREATE DATABASE "{name}"'.encode())
        return make_conninfo(
            host=known.host, port=known.port, user=known.user, password=known.password, dbname=name
        )


@asynccontextmanager
async def stage(site: TemporarySite) -> AsyncGenerator[Stage]:
    command = [sys.executable, "-m", "bench.engine.server"]
    server = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert server.stdin is not None, "a pipe"
    assert server.stdout is not None, "a pipe"
    try:
        model = (await server.stdout.readline()).decode().strip()
        async with aiohttp.ClientSession() as http:
            postmaster = _parent(site.admin)
            yield Stage(model=model, http=http, site=site, postmaster=postmaster)
    finally:
        server.stdin.close()
        await server.wait()


def _parent(admin: AsyncConnection) -> int:
    stat = Path(f"/proc/{admin.info.backend_pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


async def own_row(on: Stage, name: str, plan: Plan, told: Callable[[str], None]) -> Row:
    command = [sys.executable, "-m", "bench.engine.ours", f"{on.model}/v1"]
    settings = {
        "PYTHONPATH": str(ROOT),
        "BENCH_POSTGRES": on.site.conninfo,
        "BENCH_FOLDER": str(on.site.settings.data_dir),
        "BENCH_MEMORY": "" if name.endswith("no_memory") else "yes",
    }
    return await _row(
        on, Row(name=name, versions=own_version(), keeps=OWN_KEEPS), command, settings, plan, told
    )


async def peer_row(on: Stage, framework: Framework, plan: Plan, told: Callable[[str], None]) -> Row:
    """What cannot be installed or run has a row that says so."""
    told(f"{framework.name}: environment")
    row = Row(name=framework.name, versions=", ".join(framework.packages), keeps=framework.keeps)
    try:
        found = await asyncio.to_thread(installed, framework)
    except NotInstalled as error:
        return Row(name=row.name, versions=row.versions, keeps=row.keeps, fault=f"not installed: {error}")
    script = Path(__file__).with_name("peers") / framework.script
    command = [str(found.python), str(script), f"{on.model}/v1"]
    folder = on.site.settings.data_dir / framework.name
    folder.mkdir()
    settings = {"HOME": str(folder), "BENCH_POSTGRES": await on.database(framework.name), **QUIET}
    settings["BENCH_DURABLE"] = "" if framework.name.endswith("_memory") else "yes"
    row = Row(name=row.name, versions=found.versions, keeps=row.keeps)
    return await _row(on, row, command, settings, plan, told)


async def _row(
    on: Stage,
    row: Row,
    command: Sequence[str],
    settings: dict[str, str],
    plan: Plan,
    told: Callable[[str], None],
) -> Row:
    cells: list[Cell] = []
    fault: str | None = None
    async with running(command, settings) as runner:
        for name, sizes in plan.items():
            for concurrency, runs in sizes:
                told(f"{row.name}: {name}, {concurrency} at once")
                try:
                    cells.append(await _cell(on, runner, WORKLOADS[name], concurrency, runs))
                except RunnerFailed as error:
                    fault = f"{name}, {concurrency} at once: {error}"
                    break
            if fault is not None:
                break
    return Row(name=row.name, versions=row.versions, keeps=row.keeps, cells=tuple(cells), fault=fault)


async def _cell(on: Stage, runner: Runner, workload: Workload, concurrency: int, runs: int) -> Cell:
    await on.reset(workload.latency)
    warm_up = Job(width=workload.width, calls=workload.calls, concurrency=1, runs=WARM_UP if runs > 1 else 1)
    await runner.measure(warm_up, seconds=CELL_SECONDS)
    await on.reset(workload.latency)
    helpers = tree_seconds(on.postmaster)
    job = Job(width=workload.width, calls=workload.calls, concurrency=concurrency, runs=runs)
    result = await runner.measure(job, seconds=CELL_SECONDS)
    helpers = tree_seconds(on.postmaster) - helpers
    asked = await on.reset(workload.latency)
    return _figures(workload, job, result, helpers, asked)


def _figures(workload: Workload, job: Job, result: Result, helpers: float, asked: int) -> Cell:
    calls = workload.model_calls * job.runs
    wall = statistics.median(result.walls)
    return Cell(
        workload=workload.name,
        concurrency=job.concurrency,
        runs=job.runs,
        wall_s=round(wall, 4),
        overhead_ms=round((wall - workload.ideal) / workload.model_calls * 1000, 2),
        runs_per_s=round(job.runs / result.seconds, 2),
        cpu_ms=round(result.cpu / calls * 1000, 2),
        postgres_cpu_ms=round(helpers / calls * 1000, 2),
        rss_mb=math.ceil(result.rss_mb),
        short=calls - asked,
    )
