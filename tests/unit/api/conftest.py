from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from api import ApiServices, create_app
from api.ports import OK
from core.settings import Settings
from tests.unit.api.fake_memories import FakeMemories
from tests.unit.api.fakes import KEY, MODEL, FakeApprovals, FakeKeys, FakeMessages, FakeTasks

Client = httpx.AsyncClient


async def ready() -> dict[str, str]:
    return {"postgres": OK}


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
        settings=Settings(public_url="https://treehold.example"),
    )


@pytest.fixture
def app(services: ApiServices) -> FastAPI:
    return create_app(services)


@pytest.fixture
async def anonymous(app: FastAPI) -> AsyncIterator[Client]:
    """In process; errors that no one handles are seen as the server's answer."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8321") as client:
        yield client


@pytest.fixture
async def client(anonymous: Client) -> Client:
    anonymous.headers["Authorization"] = f"Bearer {KEY}"
    return anonymous


@pytest.fixture
async def browser(app: FastAPI) -> AsyncIterator[Client]:
    """Signed in by cookie, as one of our own pages."""
    transport = httpx.ASGITransport(app)
    headers = {"Accept": "text/html", "Origin": "http://127.0.0.1:8321"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:8321", headers=headers
    ) as client:
        await client.post("/sign-in", data={"key": KEY})
        yield client
