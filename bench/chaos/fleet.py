"""The processes of a run: workers and an API, started by the nursery, watched, and started again."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from core.failpoints import VARIABLE

Role = Literal["worker", "api"]

BACK_SECONDS = 0.6
"""How long, at most, a process that ended stays away."""
READY_SECONDS = 120.0


@dataclass(kw_only=True)
class Process:
    """`armed` is the fail-point it runs with, `killed` whether this run has sent it SIGKILL."""

    pid: int = 0
    role: Role
    slot: int
    armed: str = ""
    killed: bool = False
    stopped: bool = False

    @property
    def name(self) -> str:
        """As `core.process.process_name` has it there."""
        return f"{socket.gethostname()}:{self.pid}"

    def signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def stands_still(self) -> bool:
        """Whether a signal has stopped it, from here or at a fail-point."""
        try:
            stat = Path(f"/proc/{self.pid}/stat").read_text()
        except OSError:
            return False
        return stat.rpartition(")")[2].split()[0] == "T"


@dataclass(frozen=True, kw_only=True)
class Death:
    """`cause`: what ended it: `killed`, `failpoint`, or by itself, which should not happen."""

    name: str
    role: Role
    at: float
    cause: Literal["killed", "failpoint", "itself"]


@dataclass(kw_only=True)
class Fleet:
    """Keeps `workers` workers and one API alive; whoever ends is started again a moment later.

    Attributes:
        armoury: fail-points for new workers to be armed with, one drawn for each; empty is none.
        deaths: every end of a process so far.
        orphaned: whether the nursery is gone, so that nothing is started again.
    """

    folder: Path
    environment: Mapping[str, str]
    workers: int
    concurrency: int
    api_port: int
    chance: random.Random
    armoury: list[str] = field(default_factory=list[str])
    deaths: list[Death] = field(default_factory=list[Death])
    orphaned: bool = False
    living: dict[int, Process] = field(default_factory=dict[int, Process])
    _nursery: asyncio.subprocess.Process | None = None
    _ordered: deque[Process] = field(default_factory=deque[Process])
    _jobs: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])
    _ending: bool = False

    async def open(self) -> None:
        """Start the nursery, which takes a few seconds to import everything, and then all processes."""
        with (self.folder / "nursery.log").open("wb") as log:
            self._nursery = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bench.chaos.nursery"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
            )
        assert self._nursery.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            if not await self._nursery.stdout.readline():
                raise RuntimeError((self.folder / "nursery.log").read_text())
        self._do(self._listen(self._nursery.stdout))
        self._start("api", 0)
        for slot in range(self.workers):
            self._start("worker", slot)

    def of(self, role: Role) -> list[Process]:
        return [process for process in self.living.values() if process.role == role]

    def kill(self, process: Process) -> None:
        process.killed = True
        process.signal(signal.SIGKILL)

    async def close(self) -> None:
        """Ends everything; the nursery's children end with it."""
        self._ending = True
        for process in list(self.living.values()):
            self.kill(process)
        if self._nursery is not None:
            assert self._nursery.stdin is not None
            self._nursery.stdin.close()
            await self._nursery.wait()
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)

    def _do(self, job: Any) -> None:
        task = asyncio.create_task(job)
        self._jobs.add(task)
        task.add_done_callback(self._jobs.discard)

    async def _listen(self, output: asyncio.StreamReader) -> None:
        async for line in output:
            said = json.loads(line)
            if "started" in said:
                process = self._ordered.popleft()
                process.pid = said["started"]
                self.living[process.pid] = process
            elif "ended" in said:
                self._do(self._mourn(said["ended"], said["status"], said["at"]))
        self.orphaned = not self._ending

    async def _mourn(self, pid: int, status: int, at: float) -> None:
        process = self.living.pop(pid)
        if self._ending:
            return
        by_signal = status == -signal.SIGKILL
        cause = "killed" if process.killed else "failpoint" if by_signal and process.armed else "itself"
        self.deaths.append(Death(name=process.name, role=process.role, at=at, cause=cause))
        await asyncio.sleep(self.chance.uniform(0, BACK_SECONDS))
        self._start(process.role, process.slot)

    def _start(self, role: Role, slot: int) -> None:
        armed = self.chance.choice(self.armoury) if self.armoury and role == "worker" else ""
        order = {
            "arguments": self._arguments(role),
            "environment": {**self.environment, VARIABLE: armed},
            "log": str(self.folder / f"{role}-{slot}.log"),
        }
        assert self._nursery is not None
        assert self._nursery.stdin is not None
        self._ordered.append(Process(role=role, slot=slot, armed=armed))
        self._nursery.stdin.write(json.dumps(order).encode() + b"\n")

    def _arguments(self, role: Role) -> list[str]:
        data = ["--data", str(self.folder / "data")]
        if role == "api":
            return ["api", "--port", str(self.api_port), *data]
        return ["worker", "--concurrency", str(self.concurrency), *data]


def now() -> float:
    return time.time()
