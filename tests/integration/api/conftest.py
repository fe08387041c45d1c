from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from api import ApiServices, RunningServer, create_app, serve
from core.settings import Settings
from tests.unit.api.fake_memories import FakeMemories
from tests.unit.api.fakes import KEY, MODEL, FakeApprovals, FakeKeys, FakeMessages, FakeTasks

HEARTBEAT_SECONDS = 0.05


async def ready() -> dict[str, str]:
    return {"postgres": "ok"}


@pytest.fixture
def tasks() -> FakeTasks:
    return FakeTasks()


@pytest.fixture
def approvals(tasks: FakeTasks) -> FakeApprovals:
    return FakeApprovals(tasks)


@pytest.fixture
def services(tasks: FakeTasks, approvals: FakeApprovals) -> ApiServices:
    return ApiServices(
        tasks=tasks,
        forks=tasks,
        control=tasks,
        approvals=approvals,
        messages=FakeMessages(tasks),
        memories=FakeMemories(tasks),
        keys=FakeKeys(),
        model=MODEL,
        ready=ready,
        settings=Settings(),
        heartbeat_seconds=HEARTBEAT_SECONDS,
    )


@pytest.fixture
async def server(services: ApiServices) -> AsyncIterator[RunningServer]:
    """The API on a real socket, over tasks in memory."""
    running = await serve(create_app(services), host="127.0.0.1", port=0)
    yield running
    await running.stop()


@pytest.fixture
async def client(server: RunningServer) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, trust_env=False) as client:
        yield client
