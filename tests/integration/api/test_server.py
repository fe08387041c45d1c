from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from api import ApiServices, RunningServer, create_app, serve
from api.middleware import BodyLimit
from core.errors import ConfigurationError
from tests.unit.api.fakes import KEY, FakeTasks
from tests.unit.api.steps import submit


async def test_the_port_is_known_when_a_free_one_was_asked_for(
    server: RunningServer, client: httpx.AsyncClient
) -> None:
    assert server.url == f"http://127.0.0.1:{server.port}"
    assert (await client.get("/healthz")).status_code == 200
    assert "server" not in (await client.get("/healthz")).headers


async def test_a_taken_port_is_a_clear_error(server: RunningServer) -> None:
    with pytest.raises(ConfigurationError, match=rf"cannot listen on 127.0.0.1, port {server.port}"):
        await serve(FastAPI(), host="127.0.0.1", port=server.port)
    assert not server.serving.done()


async def test_a_stopped_server_frees_its_port(server: RunningServer) -> None:
    await server.stop()
    assert server.serving.done()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)
    await server.stop()


async def test_signals_stay_with_the_owner_of_the_loop(server: RunningServer) -> None:
    kept = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    another = await serve(FastAPI(), host="127.0.0.1", port=0)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == kept
    await another.stop()
    assert not server.serving.done()


async def test_stopping_ends_open_streams(
    server: RunningServer, client: httpx.AsyncClient, tasks: FakeTasks
) -> None:
    task = await submit(client)
    reading = asyncio.create_task(
        client.get(f"/v1/tasks/{task.id}/events", headers={"Accept": "text/event-stream"})
    )
    await tasks.followed_by(1)
    async with asyncio.timeout(3):
        await server.stop()
    assert b"task.submitted" in (await reading).content
    await tasks.followed_by(0)


async def test_a_large_body_is_refused_over_the_wire(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/tasks", content=b"x" * 10_000_000)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_a_body_that_does_not_come_is_not_waited_for(services: ApiServices) -> None:
    app = BodyLimit(create_app(services), seconds=0.05)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        answer = await client.post("/v1/tasks", content=never())
    assert (answer.status_code, answer.json()["code"]) == (408, "request_timeout")
    assert answer.json()["retryable"]


async def never() -> AsyncIterator[bytes]:
    yield b'{"goal": '
    await asyncio.Event().wait()
