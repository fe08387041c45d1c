"""A data folder, the `treehold` processes on it, and the rows they leave."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow, dict_row

from core.postgres import EmbeddedPostgres
from core.postgres.placement import Placement
from core.postgres.server import read_runtime
from treehold import AsyncTreehold

MODEL = "small-8b"
SECONDS = 120.0
_UP = re.compile(r"Treehold is up: (\S+)")

OF_TASKS = (
    "agent",
    "artifact",
    "budget",
    "call",
    "checkpoint",
    "event",
    "task",
    "tree",
    "tree_node",
    "tree_revision",
    "tree_change",
)
"""The tables that hold what tasks and agents are, and what happened to them."""

Condition = Callable[[], bool | Awaitable[bool]]
Rows = dict[str, list[dict[str, Any]]]


async def until(condition: Condition, what: str, *, seconds: float = SECONDS) -> None:
    """Look again and again until it is so, or fail with what was waited for."""
    end = time.monotonic() + seconds
    while True:
        looked = condition()
        if looked if isinstance(looked, bool) else await looked:
            return
        assert time.monotonic() < end, f"not in time: {what}"
        await asyncio.sleep(0.02)


@dataclass(kw_only=True)
class Process:
    """One `treehold` command in a process of its own. `url` is where `up` says it answers."""

    running: asyncio.subprocess.Process
    log: Path
    url: str = ""

    @property
    def pid(self) -> int:
        return self.running.pid

    def signal(self, number: signal.Signals) -> None:
        self.running.send_signal(number)

    async def ended(self) -> int:
        """Its exit status, once it has one."""
        async with asyncio.timeout(SECONDS):
            return await self.running.wait()

    async def kill(self) -> None:
        """As `kill -9` does."""
        self.signal(signal.SIGKILL)
        await self.ended()


@dataclass(kw_only=True)
class Folder:
    """A data folder. `settings` are environment variables for every process on it."""

    place: Path
    settings: Mapping[str, str]
    started: list[Process] = field(default_factory=list[Process])

    @property
    def data(self) -> Path:
        return self.place / "data"

    async def start(self, *arguments: str, **settings: str) -> Process:
        """Start a command; one that says "up" is waited for."""
        log = self.place / f"process-{len(self.started)}.log"
        with log.open("wb") as errors:
            running = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "cli.main", *arguments, "--data", str(self.data)),
                env={"HOME": str(self.place), "PATH": os.environ["PATH"], **self.settings, **settings},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
            )
        process = Process(running=running, log=log)
        self.started.append(process)
        return process

    async def up(self, *arguments: str, **settings: str) -> Process:
        """`treehold up`, once it answers."""
        return await self.serving("up", *arguments, **settings)

    async def serving(self, command: str, *arguments: str, **settings: str) -> Process:
        """`treehold up` or `treehold api`, once it answers."""
        process = await self.start(command, "--port", "0", *arguments, **settings)
        output = process.running.stdout
        assert output is not None
        async with asyncio.timeout(SECONDS):
            async for line in output:
                if found := _UP.search(line.decode()):
                    process.url = found[1]
                    return process
        raise AssertionError(process.log.read_text())

    def client(self, process: Process) -> AsyncTreehold:
        return AsyncTreehold(base_url=process.url, key=(self.data / "api-key").read_text().strip())

    def postgres_runs(self) -> bool:
        return read_runtime(Placement(folder=self.data / "postgres")) is not None

    @asynccontextmanager
    async def rows(self) -> AsyncGenerator[Ledger]:
        """Look at the database as its administrator; holds Postgres meanwhile."""
        postgres = EmbeddedPostgres(self.data / "postgres")
        address = await asyncio.to_thread(postgres.start)
        try:
            async with await AsyncConnection[DictRow].connect(
                address.conninfo(),
                autocommit=True,
                row_factory=dict_row,
                options="-c search_path=treehold,public",
            ) as connection:
                yield Ledger(connection)
        finally:
            postgres.release()

    async def end(self) -> None:
        """Kill what still runs, stopped processes too."""
        for process in self.started:
            if process.running.returncode is None:
                await process.kill()


class Ledger:
    """The rows of a data folder."""

    def __init__(self, connection: AsyncConnection[DictRow]) -> None:
        self._connection = connection

    async def fetch(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        cursor = await self._connection.execute(query.encode(), parameters)
        return await cursor.fetchall()

    async def status(self, task: UUID) -> str:
        (row,) = await self.fetch("SELECT status FROM task WHERE id = %s", task)
        return row["status"]

    async def task(self) -> UUID:
        """The newest task, as soon as there is one; there need be no tables yet."""
        found: list[UUID] = []

        async def there() -> bool:
            if (await self.fetch("SELECT to_regclass('task') AS made"))[0]["made"]:
                found.extend(row["id"] for row in await self.fetch("SELECT id FROM task ORDER BY created_at"))
            return bool(found)

        await until(there, "a task")
        return found[-1]

    async def over(self, task: UUID) -> str:
        """The task's status, once it has ended and memory has taken it in."""

        async def learned() -> bool:
            found = await self.fetch("SELECT 1 FROM task WHERE id = %s AND learned_at IS NOT NULL", task)
            return bool(found)

        await until(learned, "the end of the task")
        return await self.status(task)

    async def calls(self, task: UUID) -> list[dict[str, Any]]:
        """The task's model calls."""
        return await self.fetch(
            "SELECT id, agent_id, name, state, attempts, request, outcome FROM call "
            "WHERE task_id = %s AND kind = 'model'",
            task,
        )

    async def everything(self) -> Rows:
        """Every row of every table."""
        tables = await self.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'treehold'")
        return {row["tablename"]: await self._content(row["tablename"]) for row in tables}

    async def of(self, task: UUID) -> Rows:
        """The rows of one task and its agents."""
        agents = await self.fetch("SELECT id FROM agent WHERE task_id = %s", task)
        own = {str(task), *(str(row["id"]) for row in agents)}
        return {
            table: [
                row
                for row in await self._content(table)
                if own & {str(row.get(name)) for name in ("id", "task_id", "agent_id")}
            ]
            for table in OF_TASKS
        }

    async def _content(self, table: str) -> list[dict[str, Any]]:
        query = sql.SQL("SELECT to_jsonb(t) AS row FROM {} AS t ORDER BY t::text").format(
            sql.Identifier(table)
        )
        cursor = await self._connection.execute(query)
        return [row["row"] for row in await cursor.fetchall()]


def changed(before: Rows, after: Rows) -> dict[str, Sequence[object]]:
    """The tables that differ, each with its rows that are on one side only."""
    return {
        table: [row for row in before[table] if row not in after[table]]
        + [row for row in after[table] if row not in before[table]]
        for table in before
        if before[table] != after[table]
    }
