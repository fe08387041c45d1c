"""A whole Treehold in a process of its own, its model a scripted node in this one."""

from __future__ import annotations

import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Unpack

import httpx
from psycopg import AsyncConnection

from bench.support.scripted_node import ScriptedNode
from bench.support.small_model import Asked, SmallModel, requests_of
from core.postgres import EmbeddedPostgres
from treehold import AsyncTreehold, Event, TaskOptions, Tree

MODEL = "small-8b"
MODEL_KEY = "sk-canary-model-key-7f3a91c2"
TREEHOLD = Path(sys.executable).with_name("treehold")
START_SECONDS = 60.0
TASK_SECONDS = 90.0
FIRST_TOKEN_SECONDS = 3.0
PROMPT_PRICE, COMPLETION_PRICE = 0.5, 1.5
"""Dollars per million tokens."""

LIMITS = {
    "TREEHOLD_MODEL_FIRST_TOKEN_SECONDS": str(FIRST_TOKEN_SECONDS),
    "TREEHOLD_MODEL_STALL_SECONDS": "2",
    "TREEHOLD_MODEL_TOTAL_SECONDS": "20",
    "TREEHOLD_MODEL_MAX_ATTEMPTS": "3",
    "TREEHOLD_MEMORY_LEARNING_TOKENS": "0",
    "TREEHOLD_PRICE_PROMPT": str(PROMPT_PRICE),
    "TREEHOLD_PRICE_COMPLETION": str(COMPLETION_PRICE),
}

_UP = re.compile(r"Treehold is up: (\S+)")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A finished task, as seen from outside: from the API, and from the node's side."""

    tree: Tree
    events: list[Event]
    requests: list[Asked]
    seconds: float

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    def of_kind(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.kind == kind]

    def worker_errors(self) -> list[str]:
        """The codes of the workers that failed."""
        return [agent.error.code for agent in self.tree.agents if agent.depth and agent.error]


@dataclass(kw_only=True)
class Site:
    """A running server; `client` is the local user's."""

    url: str
    key: str
    data: Path
    log: Path
    model: SmallModel
    node: ScriptedNode
    client: AsyncTreehold
    http: httpx.AsyncClient
    process: asyncio.subprocess.Process
    admin: AsyncConnection
    admin_conninfo: str
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(4))

    async def run(
        self, goal: str, *, client: AsyncTreehold | None = None, **options: Unpack[TaskOptions]
    ) -> Outcome:
        """Submit and follow to the end; a few at a time, so that no time limit is met for want of a core."""
        client = client or self.client
        async with self.slots:
            started = time.monotonic()
            task = await client.submit(goal, **options)
            async with asyncio.timeout(TASK_SECONDS):
                events = [event async for event in client.stream(task)]
            seconds = time.monotonic() - started
        tree = await client.tree(task)
        return Outcome(
            tree=tree, events=events, requests=requests_of(goal, self.node.requests), seconds=seconds
        )

    def application_password(self) -> str:
        return (self.data / "postgres-application").read_text().strip()

    async def learned(self, outcome: Outcome, *, client: AsyncTreehold | None = None) -> Event:
        """The event that says what memory made of a finished task."""
        client, after = client or self.client, outcome.events[-1].seq
        async with asyncio.timeout(TASK_SECONDS):
            while True:
                async for event in client.events(outcome.tree.task, after=after):
                    if event.kind.startswith("memory."):
                        return event
                await asyncio.sleep(0.05)


def http_client(url: str, key: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=30)


def environment(home: Path, settings: Mapping[str, str]) -> dict[str, str]:
    """A stranger's: nothing of ours but the search path."""
    return {"HOME": str(home), "PATH": os.environ["PATH"], **settings}


@asynccontextmanager
async def running_site(folder: Path) -> AsyncGenerator[Site]:
    """`treehold up` over an empty data folder, with a small model on a scripted node."""
    model = SmallModel()
    log, data = folder / "server.log", folder / "data"
    async with ScriptedNode(model, models=[MODEL]) as node:
        settings = LIMITS | {"TREEHOLD_API_KEY": MODEL_KEY}
        with log.open("wb") as errors:
            process = await asyncio.create_subprocess_exec(
                *(
                    TREEHOLD,
                    "up",
                    "--port",
                    "0",
                    "--data",
                    data,
                    "--model",
                    MODEL,
                    "--base-url",
                    node.base_url,
                ),
                env=environment(folder, settings),
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
            )
        try:
            url = await _url(process, log)
            key = (data / "api-key").read_text().strip()
            postgres = EmbeddedPostgres(data / "postgres")
            conninfo = (await asyncio.to_thread(postgres.start)).conninfo()
            try:
                async with (
                    AsyncTreehold(base_url=url, key=key) as client,
                    http_client(url, key) as http,
                    await AsyncConnection.connect(
                        conninfo, autocommit=True, options="-c search_path=treehold,public"
                    ) as admin,
                ):
                    yield Site(
                        url=url,
                        key=key,
                        data=data,
                        log=log,
                        model=model,
                        node=node,
                        client=client,
                        http=http,
                        process=process,
                        admin=admin,
                        admin_conninfo=conninfo,
                    )
            finally:
                postgres.release()
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


async def _url(process: asyncio.subprocess.Process, log: Path) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(START_SECONDS):
        async for line in process.stdout:
            if found := _UP.search(line.decode()):
                return found[1]
    raise AssertionError(f"the server did not start; its log: {log}")


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A command that ended."""

    status: int
    stdout: str
    stderr: str


async def treehold(*arguments: str | Path, home: Path, settings: Mapping[str, str] | None = None) -> Finished:
    """Run the command as a stranger would, with no terminal."""
    process = await asyncio.create_subprocess_exec(
        TREEHOLD,
        *arguments,
        env=environment(home, settings or {}),
        cwd=home,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(TASK_SECONDS):
        stdout, stderr = await process.communicate()
    assert process.returncode is not None
    return Finished(status=process.returncode, stdout=stdout.decode(), stderr=stderr.decode())


def holding(folder: Path, secret: str) -> list[Path]:
    """The files under a folder that hold a secret."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if secret.encode() in path.read_bytes()]
