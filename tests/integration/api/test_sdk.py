from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import BaseModel

from api import ApiServices, RunningServer, create_app, serve
from core.errors import StorageError
from tests.integration.api.either import Blocking, Either, NonBlocking
from tests.unit.api.fakes import KEY, FakeApprovals, FakeTasks
from tests.unit.api.steps import submit
from treehold import (
    AccessDenied,
    AsyncTreehold,
    Budget,
    Conflict,
    InvalidRequest,
    NotFound,
    Retry,
    TaskFailed,
    TransportError,
    Treehold,
    WaitTimeout,
)

QUICK = Retry(attempts=5, reconnects=40, first_pause=0.01, longest_pause=0.05)


class Lease(BaseModel):
    seconds: int


@pytest.fixture(params=["blocking", "non-blocking"])
async def sdk(request: pytest.FixtureRequest, server: RunningServer) -> AsyncIterator[Either]:
    if request.param == "blocking":
        with Treehold(server.url, KEY, retry=QUICK) as blocking:
            yield Blocking(blocking)
    else:
        async with AsyncTreehold(server.url, KEY, retry=QUICK) as client:
            yield NonBlocking(client)


async def running(sdk: Either, **options: Any) -> Any:
    return await sdk.call("submit", "How long is a lease?", **options)


async def test_a_typed_result(sdk: Either, tasks: FakeTasks) -> None:
    task = await running(sdk, output=Lease, workspace="/srv/docs")
    waiting = asyncio.create_task(sdk.call("wait", task, timeout=20))
    await tasks.followed_by(1)
    await tasks.finish(task.id)
    result = await waiting
    assert result.output == Lease(seconds=10)
    assert result.citations[0].quote == "ten seconds"
    assert result.text == "Leases end after ten seconds."
    assert (await sdk.call("wait", str(task.id))).output == {"seconds": 10}


async def test_a_task_that_ends_badly(sdk: Either, tasks: FakeTasks) -> None:
    task = await running(sdk)
    waiting = asyncio.create_task(sdk.call("wait", task))
    await tasks.followed_by(1)
    await sdk.call("cancel", task)
    with pytest.raises(TaskFailed, match="cancelled"):
        await waiting


async def test_waiting_ends_in_time_and_the_task_goes_on(sdk: Either, tasks: FakeTasks) -> None:
    task = await running(sdk)
    async with asyncio.timeout(10):
        with pytest.raises(WaitTimeout):
            await sdk.call("wait", task, timeout=0.3)
        await tasks.followed_by(0)
    assert (await sdk.call("get", task)).status == "running"


async def test_a_stream_is_the_list(sdk: Either, tasks: FakeTasks) -> None:
    task = await running(sdk)
    streaming = asyncio.create_task(sdk.collect("stream", task))
    await tasks.followed_by(1)
    for turn in range(30):
        await tasks.publish(task.id, "agent.started", turn=turn, text="a\u2028b\x85c\r\nd")
    await tasks.finish(task.id)
    assert await streaming == await sdk.collect("events", task)
    assert [event.seq for event in await sdk.collect("stream", task, after=10)] == list(range(11, 33))
    assert await sdk.collect("stream", task, after=32) == []


@pytest.mark.parametrize("cut", [RuntimeError("the connection breaks"), StorageError("a clean end")])
async def test_a_dropped_stream_goes_on_where_it_was(cut: Exception, sdk: Either, tasks: FakeTasks) -> None:
    task = await running(sdk)
    for turn in range(40):
        await tasks.publish(task.id, "agent.started", turn=turn)
    await tasks.finish(task.id)
    tasks.cuts = dict.fromkeys((1, 5, 6, 7, 30, 42), cut)
    events = await sdk.collect("stream", task)
    assert [event.seq for event in events] == list(range(1, 43))
    assert tasks.cuts == {}


async def test_a_server_that_comes_back_is_followed_again(
    sdk: Either, server: RunningServer, services: ApiServices, tasks: FakeTasks
) -> None:
    task = await running(sdk)
    streaming = asyncio.create_task(sdk.collect("stream", task))
    await tasks.followed_by(1)
    await server.stop()
    await tasks.publish(task.id, "agent.started", turn=1)
    second = await serve(create_app(services), host="127.0.0.1", port=server.port)
    try:
        await tasks.followed_by(1)
        await tasks.finish(task.id)
        assert [event.seq for event in await streaming] == [1, 2, 3]
    finally:
        await second.stop()


async def test_trimmed_events_are_missing_and_nothing_else(sdk: Either, tasks: FakeTasks) -> None:
    task = await running(sdk)
    for turn in range(8):
        await tasks.publish(task.id, "agent.started", turn=turn)
    await tasks.finish(task.id)
    tasks.trim(task.id, numbers=range(1, 6))
    assert [event.seq for event in await sdk.collect("stream", task)] == [6, 7, 8, 9, 10]
    assert [event.seq for event in await sdk.collect("stream", task, after=99)] == [6, 7, 8, 9, 10]


async def test_leaving_a_stream_closes_it(sdk: Either, tasks: FakeTasks) -> None:
    task = await running(sdk)
    assert (await sdk.first_event(task)).kind == "task.submitted"
    async with asyncio.timeout(5):
        await tasks.followed_by(0)


async def test_everything_else(sdk: Either, tasks: FakeTasks, client: httpx.AsyncClient) -> None:
    task = await running(sdk, tags={"team": "legal"})
    other = await submit(client)
    call = tasks.add_call(task.id)
    artifact = tasks.add_artifact(task.id, "a.txt", "text/plain", b"bytes")
    assert [each.id for each in await sdk.collect("list")] == [other.id, task.id]
    assert (await sdk.call("tree", task)).agents[0].role == "lead"
    assert [each.id for each in await sdk.call("calls", task)] == [call.id]
    assert (await sdk.call("call", task, call.id)).outcome == {"content": "1. Read."}
    assert [each.id for each in await sdk.call("artifacts", task)] == [artifact.id]
    assert await sdk.call("download", artifact.id) == b"bytes"
    assert (await sdk.call("model")).offline
    sent = await sdk.call("send", task, "add", "What else?", node="s1")
    assert (sent.kind, sent.node_key, sent.text, sent.concluded) == ("add", "s1", "What else?", False)
    assert [each.id for each in await sdk.call("messages", task)] == [sent.id]
    assert [each.id for each in await sdk.collect("list", status="done")] == []


async def test_refusals(sdk: Either, server: RunningServer) -> None:
    with pytest.raises(NotFound) as caught:
        await sdk.call("get", str(uuid4()))
    assert (caught.value.code, caught.value.retryable) == ("not_found", False)
    with pytest.raises(NotFound):
        await sdk.collect("stream", str(uuid4()))
    with pytest.raises(InvalidRequest, match="absolute path"):
        await running(sdk, workspace="docs")
    with Treehold(server.url, "th_wrong") as stranger, pytest.raises(AccessDenied):
        await Blocking(stranger).call("model")


async def test_a_server_that_is_gone_is_given_up_in_the_end(
    sdk: Either, server: RunningServer, tasks: FakeTasks
) -> None:
    task = await running(sdk)
    streaming = asyncio.create_task(sdk.collect("stream", task))
    await tasks.followed_by(1)
    await server.stop()
    with pytest.raises(TransportError):
        await streaming


async def test_a_fork_keeps_the_type_of_its_source(sdk: Either, tasks: FakeTasks) -> None:
    source = await running(sdk, output=Lease)
    fork = await sdk.call("fork", source, event=1, budget=Budget(tokens=9), tags={"why": "doubt"})
    assert (fork.forked_from, fork.forked_at) == (source.id, 1)
    assert (fork.budget.tokens, fork.tags) == (9, {"why": "doubt"})
    waiting = asyncio.create_task(sdk.call("wait", fork, timeout=20))
    await tasks.followed_by(1)
    await tasks.finish(fork.id)
    assert (await waiting).output == Lease(seconds=10)
    with pytest.raises(InvalidRequest):
        await sdk.call("fork", source, event=1000)


async def test_a_task_is_paused_and_resumed(sdk: Either, tasks: FakeTasks) -> None:
    task = await running(sdk, approve={"send_mail"})
    assert tasks.submissions[-1].approve == {"send_mail"}
    paused = await sdk.call("pause", task)
    assert (paused.paused, paused.finished) == (True, False)
    assert not (await sdk.call("resume", task.id)).paused


async def test_approvals_are_listed_and_decided(sdk: Either, approvals: FakeApprovals) -> None:
    task = await running(sdk)
    added = [approvals.add(task.id) for _ in range(51)]
    listed = await sdk.collect("approvals", status="pending", task=task)
    assert [each.id for each in listed] == [each.id for each in reversed(added)]
    first, second = listed[:2]
    assert first.evidence.tainted_arguments == ("to",)
    with pytest.raises(InvalidRequest, match="could not run"):
        await sdk.call("approve", first, arguments={"from": "me"})
    approved = await sdk.call("approve", first, arguments={"to": "me@example.org"}, note="me first")
    assert (approved.status, approved.edited, approved.note) == (
        "approved",
        {"to": "me@example.org"},
        "me first",
    )
    assert await sdk.call("approval", str(first.id)) == approved
    with pytest.raises(Conflict, match="approved"):
        await sdk.call("deny", first.id)
    assert (await sdk.call("deny", second)).status == "denied"
