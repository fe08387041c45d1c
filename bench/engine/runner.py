"""A runner's process, as the benchmark talks to it: a job out, a result back."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from bench.engine.peers.timing import Job, Result

OPEN_SECONDS = 120.0
QUIET = {
    "LANGSMITH_TRACING": "false",
    "OPENAI_AGENTS_DISABLE_TRACING": "1",
    "CREWAI_DISABLE_TELEMETRY": "true",
    "CREWAI_DISABLE_TRACKING": "true",
    "CREWAI_TRACING_ENABLED": "false",
    "OTEL_SDK_DISABLED": "true",
    "AGNO_TELEMETRY": "false",
    "ANONYMIZED_TELEMETRY": "false",
    "OPENAI_API_KEY": "not-needed",
}
"""Telemetry off, everywhere; no framework gets a key that is one."""


class RunnerFailed(Exception):
    """With the end of what it wrote to stderr."""


@dataclass(frozen=True, kw_only=True)
class Runner:
    process: asyncio.subprocess.Process
    errors: IO[bytes]

    async def measure(self, job: Job, *, seconds: float) -> Result:
        """Raises `RunnerFailed`."""
        line = json.dumps(asdict(job)).encode() + b"\n"
        assert self.process.stdin is not None, "a pipe"
        assert self.process.stdout is not None, "a pipe"
        self.process.stdin.write(line)
        try:
            async with asyncio.timeout(seconds):
                await self.process.stdin.drain()
                said = await self.process.stdout.readline()
        except (TimeoutError, OSError) as error:
            raise RunnerFailed(f"no result within {seconds:g} s") from error
        if not said:
            raise RunnerFailed(self._complaint())
        return Result(**json.loads(said))

    def _complaint(self) -> str:
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it ended without a word"


@asynccontextmanager
async def running(command: Sequence[str], environment: dict[str, str]) -> AsyncGenerator[Runner]:
    """The process, ended with the block."""
    inherited = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    with TemporaryFile() as errors:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
            limit=16 * 2**20,
            env=inherited | QUIET | environment,
        )
        try:
            yield Runner(process=process, errors=errors)
        finally:
            await _ended(process)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Closing its stdin asks it to end."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        async with asyncio.timeout(10):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def tree_seconds(root: int) -> float:
    """Processor seconds used so far by a process and all below it that still live, or that it waited for."""
    ticks = os.sysconf("SC_CLK_TCK")
    parents: dict[int, int] = {}
    used: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        number = int(stat.parent.name)
        parents[number] = int(fields[1])
        used[number] = sum(int(field) for field in fields[11:15])
    return sum(spent for number, spent in used.items() if _below(number, root, parents)) / ticks


def _below(number: int, root: int, parents: dict[int, int]) -> bool:
    while number not in (root, 0):
        number = parents.get(number, 0)
    return number == root
