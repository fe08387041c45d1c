from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import httpx

from api import RunningServer
from tests.unit.api.fakes import KEY, FakeTasks
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


async def test_a_client_that_does_not_read_holds_up_no_one(
    server: RunningServer, client: httpx.AsyncClient, tasks: FakeTasks
) -> None:
    task = await submit(client)
    for _ in range(200):
        await tasks.publish(task.id, "agent.started", text="x" * 100_000)
    with socket.create_connection(("127.0.0.1", server.port)) as silent:
        request = (
            f"GET /v1/tasks/{task.id}/events HTTP/1.1\r\nHost: localhost\r\n"
            f"Accept: text/event-stream\r\nAuthorization: Bearer {KEY}\r\n\r\n"
        )
        silent.sendall(request.encode())
        await tasks.followed_by(1)
        assert (await client.get("/healthz")).status_code == 200
    async with asyncio.timeout(5):
        await tasks.followed_by(0)


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
