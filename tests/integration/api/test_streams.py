from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

import httpx
import pytest

from api import ApiServices, RunningServer, create_app, serve
from orchestrator.services.views import TaskView
from tests.unit.api.fakes import KEY, OTHER_KEY, FakeTasks
from tests.unit.api.steps import messages, submit

STREAM = {"Accept": "text/event-stream"}


@asynccontextmanager
async def streaming(
    client: httpx.AsyncClient, task: object, after: int = 0
) -> AsyncGenerator[AsyncIterator[bytes]]:
    headers = STREAM | {"Last-Event-ID": str(after)}
    async with client.stream("GET", f"/v1/tasks/{task}/events", headers=headers) as answer:
        assert answer.status_code == 200
        yield answer.aiter_bytes()


async def until(chunks: AsyncIterator[bytes], part: bytes) -> bytes:
    taken = b""
    while part not in taken:
        taken += await anext(chunks)
    return taken


async def test_events_arrive_as_they_happen(client: httpx.AsyncClient, tasks: FakeTasks) -> None:
    task = await submit(client)
    async with streaming(client, task.id) as chunks:
        await until(chunks, b"task.submitted")
        await tasks.publish(task.id, "agent.started", turn=1)
        assert json.loads(messages(await until(chunks, b"\n\n"))[-1]["data"])["data"] == {"turn": 1}
        await tasks.finish(task.id)
        assert b"task.finished" in b"".join([chunk async for chunk in chunks])


async def test_an_idle_stream_beats(client: httpx.AsyncClient, tasks: FakeTasks) -> None:
    task = await submit(client)
    async with streaming(client, task.id, after=1) as chunks:
        assert b": heartbeat\n\n: heartbeat\n\n" in await until(chunks, b": heartbeat\n\n: heartbeat\n\n")


async def test_a_client_that_leaves_is_noticed(client: httpx.AsyncClient, tasks: FakeTasks) -> None:
    task = await submit(client)
    before = asyncio.all_tasks()
    async with streaming(client, task.id) as chunks:
        await until(chunks, b"task.submitted")
        await tasks.followed_by(1)
    async with asyncio.timeout(5):
        await tasks.followed_by(0)
        while asyncio.all_tasks() - before:
            await asyncio.wait(asyncio.all_tasks() - before)


@contextmanager
def silent_follower(server: RunningServer, task: TaskView) -> Generator[None]:
    """Asks for the events and takes none of them."""
    with socket.create_connection(("127.0.0.1", server.port)) as silent:
        request = (
            f"GET /v1/tasks/{task.id}/events HTTP/1.1\r\nHost: localhost\r\n"
            f"Accept: text/event-stream\r\nAuthorization: Bearer {KEY}\r\n\r\n"
        )
        silent.sendall(request.encode())
        yield


@pytest.fixture
async def bulky(client: httpx.AsyncClient, tasks: FakeTasks) -> TaskView:
    """A task with more events than the buffers of a connection hold."""
    task = await submit(client)
    for _ in range(200):
        await tasks.publish(task.id, "agent.started", text="x" * 100_000)
    return task


async def test_a_client_that_does_not_read_holds_up_no_one(
    server: RunningServer, client: httpx.AsyncClient, tasks: FakeTasks, bulky: TaskView
) -> None:
    with silent_follower(server, bulky):
        await tasks.followed_by(1)
        assert (await client.get("/healthz")).status_code == 200
    async with asyncio.timeout(5):
        await tasks.followed_by(0)


async def test_a_client_that_does_not_read_is_cut_off(
    services: ApiServices,
    server: RunningServer,
    tasks: FakeTasks,
    bulky: TaskView,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("api.server.STALL_MILLISECONDS", 300)
    impatient = await serve(create_app(services), host="127.0.0.1", port=0)
    try:
        with silent_follower(impatient, bulky):
            await tasks.followed_by(1)
            async with asyncio.timeout(20):
                await tasks.followed_by(0)
    finally:
        await impatient.stop()


async def test_a_tenant_has_a_limit_of_streams(
    services: ApiServices, client: httpx.AsyncClient, tasks: FakeTasks
) -> None:
    task = await submit(client)
    small = await serve(create_app(replace(services, streams_per_tenant=2)), host="127.0.0.1", port=0)
    address = f"{small.url}/v1/tasks/{task.id}/events"
    try:
        async with client.stream("GET", address, headers=STREAM):
            async with client.stream("GET", address, headers=STREAM):
                await tasks.followed_by(2)
                refused = await client.get(address, headers=STREAM)
                others = {"Authorization": f"Bearer {OTHER_KEY}"}
                assert (await client.get(address, headers=STREAM | others)).status_code == 404
            await tasks.followed_by(1)
            async with client.stream("GET", address, headers=STREAM) as again:
                assert again.status_code == 200
        problem = refused.json()
        assert (refused.status_code, problem["code"], problem["retryable"]) == (429, "too_many_streams", True)
        assert "close some" in problem["detail"]
    finally:
        await small.stop()


async def test_many_followers_see_the_same(client: httpx.AsyncClient, tasks: FakeTasks) -> None:
    task = await submit(client)

    async def follow() -> bytes:
        return (await client.get(f"/v1/tasks/{task.id}/events", headers=STREAM, timeout=30)).content

    followers = [asyncio.create_task(follow()) for _ in range(50)]
    await tasks.followed_by(50)
    for turn in range(20):
        await tasks.publish(task.id, "agent.started", turn=turn)
    await tasks.finish(task.id)
    seen = {tuple(message["id"] for message in messages(each)) for each in await asyncio.gather(*followers)}
    assert seen == {tuple(str(number) for number in range(1, 23))}
    await tasks.followed_by(0)
