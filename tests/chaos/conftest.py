"""Whole workers in this process: Celery's threads, relay and reaper over a scripted model."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import hypothesis
import pytest

from bench.support.engine import Harness, ScriptedProvider, harness
from core.errors import StorageError
from core.ids import TenantId
from core.settings import Settings
from inference.model import ModelReply, ModelRequest
from inference.ports import Progress
from orchestrator.services.views import TaskView
from tests.brokers import Server
from tests.conftest import TestDatabase
from workers.worker import Worker

hypothesis.settings.register_profile("long", print_blob=True)
"""Chosen with `--hypothesis-profile=long`: as many examples as a night has room for, drawn afresh."""

SECONDS = 60.0
"""How long a condition may take to come true; these machines are busy ones."""

QUICK: dict[str, Any] = {"lease_seconds": 1.0, "sweep_seconds": 0.1, "republish_seconds": 0.5}
"""Settings under which what is lost is found soon."""

PATIENT: dict[str, Any] = {"lease_seconds": 300.0, "republish_seconds": 300.0}
"""Under these, nothing that was lost would be found again in a test."""


class Held(ScriptedProvider):
    """Answers calls of one kind only once it is told to; the others at once."""

    def __init__(self, script: Callable[[ModelRequest], ModelReply], *, kind: str) -> None:
        super().__init__(script)
        self.kind = kind
        self.reached = asyncio.Event()
        self.released = asyncio.Event()

    async def complete(self, request: ModelRequest, *, on_progress: Progress) -> ModelReply:
        if request.kind == self.kind:
            self.reached.set()
            await self.released.wait()
        return await super().complete(request, on_progress=on_progress)


@dataclass(frozen=True, kw_only=True)
class Running:
    """A worker as a process of its own would have it."""

    harness: Harness
    worker: Worker
    provider: ScriptedProvider

    async def finished(self, task: UUID) -> TaskView:
        """The task, once it is over; patient with a Postgres that is away."""
        seen: list[TaskView] = []

        async def over() -> bool:
            with contextlib.suppress(StorageError):
                seen.append(await self.harness.view(task))
            return bool(seen) and seen[-1].status != "running"

        await until(over)
        return seen[-1]


async def until(condition: Callable[[], Awaitable[bool]], *, seconds: float = SECONDS) -> None:
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, "it did not come true in time"
        await asyncio.sleep(0.01)


@asynccontextmanager
async def running(
    conninfo: str,
    tenant: TenantId,
    provider: ScriptedProvider,
    *,
    owner: str = "worker-1",
    **settings: object,
) -> AsyncGenerator[Running]:
    chosen = Settings.model_validate({"pool_size": 8, "memory_learning_tokens": 0, **settings})
    async with harness(conninfo, tenant, provider, settings=chosen, owner=owner) as opened:
        worker = Worker(chosen, opened.room)
        await worker.start()
        try:
            yield Running(harness=opened, worker=worker, provider=provider)
        finally:
            await worker.stop()


class Starter:
    """Starts workers over the test's database and one broker."""

    def __init__(
        self, stack: AsyncExitStack, database: TestDatabase, tenant: TenantId, broker_url: str = "memory://"
    ) -> None:
        self._broker_url = broker_url
        self._stack = stack
        self._database = database
        self._tenant = tenant

    async def __call__(
        self, provider: ScriptedProvider, *, owner: str = "worker-1", **settings: object
    ) -> Running:
        return await self._stack.enter_async_context(
            running(
                self._database.application,
                self._tenant,
                provider,
                owner=owner,
                **{"broker_url": self._broker_url, **settings},
            )
        )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Celery leaves the sockets of connections that broke to the garbage collector, whenever that comes."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"))


@pytest.fixture(autouse=True)
def nothing_left_to_others() -> Iterator[None]:
    """So that no later test finds such a socket."""
    yield
    gc.collect()


@pytest.fixture
async def start_on_broker(
    test_database: TestDatabase, tenant: TenantId, broker_url: str
) -> AsyncIterator[Starter]:
    """On each kind of broker in turn."""
    async with AsyncExitStack() as stack:
        yield Starter(stack, test_database, tenant, broker_url)


@pytest.fixture
async def start_on_shared_broker(
    test_database: TestDatabase, tenant: TenantId, shared_broker: Server
) -> AsyncIterator[Starter]:
    """On each kind of broker that processes share, in turn."""
    async with AsyncExitStack() as stack:
        yield Starter(stack, test_database, tenant, shared_broker.url)


@pytest.fixture
async def start_worker(test_database: TestDatabase, tenant: TenantId) -> AsyncIterator[Starter]:
    async with AsyncExitStack() as stack:
        yield Starter(stack, test_database, tenant)
