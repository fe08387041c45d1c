"""The deployed shape: an API and workers as processes, on one Postgres by URL and one broker."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from bench.support.replies import Answer
from bench.support.scripted_node import ScriptedNode
from bench.support.small_model import Asked, Fault, Moment, SmallModel
from tests.acceptance.processes.conftest import QUICK
from tests.acceptance.processes.folder import MODEL, Folder, Ledger, Process, until
from tests.brokers import Server, free_port
from tests.conftest import TestDatabase

QUESTION = "How are backups kept?"


def slow(moment: Moment, file: str = "") -> Fault:
    """The first time it is asked this, the model takes an hour."""

    def dawdle(_: Asked, good: Answer) -> Answer:
        return replace(good, delay=3600.0)

    return Fault(task=QUESTION, at={moment}, file=file, reply=dawdle, times=1)


@dataclass(kw_only=True)
class Site:
    folder: Folder
    rows: Ledger
    broker: Server

    async def worker(self, *arguments: str) -> tuple[Process, str]:
        """A worker that is ready, and where it says so."""
        port = str(free_port())
        process = await self.folder.start("worker", "--health-port", port, *arguments)
        url = f"http://127.0.0.1:{port}"
        await until(lambda: says(url, {}), "a worker that is ready")
        return process, url

    async def lost_turns(self, task: UUID) -> int:
        (row,) = await self.rows.fetch(
            "SELECT sum(lost_turns)::integer AS n FROM agent WHERE task_id = %s", task
        )
        return row["n"]


async def says(url: str, wrong: dict[str, str]) -> bool:
    """Whether `/readyz` answers there, and names what is wrong, and nothing else."""
    async with httpx.AsyncClient() as client:
        try:
            answer = await client.get(f"{url}/readyz", timeout=10)
        except httpx.TransportError:
            return False
    parts: dict[str, str] = answer.json()["parts"]
    found = {name: state for name, state in parts.items() if state != "ok"}
    assert {"postgres", "broker"} <= set(parts)
    assert answer.status_code == (503 if found else 200)
    return found == wrong


@pytest.fixture
async def site(
    test_database: TestDatabase, shared_broker: Server, node: ScriptedNode, place: Path
) -> AsyncIterator[Site]:
    settings = {
        **QUICK,
        "TREEHOLD_DATABASE_URL": test_database.application,
        "TREEHOLD_DATABASE_ADMIN_URL": test_database.admin,
        "TREEHOLD_BROKER_URL": shared_broker.url,
        "TREEHOLD_MODEL": MODEL,
        "TREEHOLD_BASE_URL": node.base_url,
        "TREEHOLD_API_KEY": "sk-none",
        "TREEHOLD_MEMORY_LEARNING_TOKENS": "0",
    }
    folder = Folder(place=place, settings=settings)
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(
            await AsyncConnection[DictRow].connect(
                test_database.admin,
                autocommit=True,
                row_factory=dict_row,
                options="-c search_path=treehold,public",
            )
        )
        stack.push_async_callback(folder.end)
        yield Site(folder=folder, rows=Ledger(connection), broker=shared_broker)


@pytest.mark.timeout(600)  # six processes after one another, four of which import all there is
async def test_workers_and_the_broker_are_killed_and_stopped_and_every_task_completes(
    site: Site, model: SmallModel, texts: Path
) -> None:
    migrated = await site.folder.start("migrate")
    assert await migrated.ended() == 0, migrated.log.read_text()
    server = await site.folder.serving("api")
    assert await says(server.url, {})
    async with site.folder.client(server) as client:

        async def submitted() -> UUID:
            return (await client.submit(QUESTION, workspace=str(texts))).id

        async def stuck() -> UUID:
            """A task whose answer is being asked for, by the one worker there is."""
            model.faults.append(stop := slow("answer"))
            task = await submitted()
            await until(lambda: stop.happened > 0, "a call to stop at")
            return task

        first, _ = await site.worker("--concurrency", "4")
        task = await stuck()
        second, _ = await site.worker("--concurrency", "4", "--queues", "advance,learn")
        await first.kill()
        assert await site.rows.over(task) == "done"

        task = await stuck()
        third, url = await site.worker()
        told = time.monotonic()
        second.signal(signal.SIGTERM)
        assert await second.ended() == 0
        assert time.monotonic() - told < 5
        assert await site.rows.over(task) == "done"
        assert await site.lost_turns(task) == 0

        site.broker.kill()
        silent = {"broker": "does not answer"}
        await until(lambda: says(server.url, silent), "an API that misses the broker")
        disconnected = silent | {"workers": "not connected to the broker"}
        await until(lambda: says(url, disconnected), "a worker that misses the broker")
        task = await submitted()
        await asyncio.to_thread(site.broker.start)
        assert await site.rows.over(task) == "done"
        await until(lambda: says(url, {}), "a worker that is ready again")
        assert await says(server.url, {})
    for process in (third, server):
        process.signal(signal.SIGTERM)
        assert await process.ended() == 0
    assert "Traceback" not in second.log.read_text() + server.log.read_text()
