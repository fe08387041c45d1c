"""Memory through the SDK: both clients, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from api import ApiServices, RunningServer
from core.ids import TenantId
from orchestrator.services.views import Submission
from tests.unit.api.fake_memories import FakeMemories
from tests.unit.api.fakes import KEY, FakeTasks
from treehold import AccessDenied, AsyncTreehold, Episode, Note, NotFound, Treehold

LISTS = {"list", "export"}


class Blocking:
    def __init__(self, client: Treehold) -> None:
        self._client = client

    async def call(self, method: str, *args: Any, **options: Any) -> Any:
        def asked() -> Any:
            found = getattr(self._client.memory, method)(*args, **options)
            return list(found) if method in LISTS else found

        return await asyncio.to_thread(asked)

    async def feedback(self, task: Any, score: float) -> Any:
        return await asyncio.to_thread(self._client.feedback, task, score)


class NonBlocking:
    def __init__(self, client: AsyncTreehold) -> None:
        self._client = client

    async def call(self, method: str, *args: Any, **options: Any) -> Any:
        found = getattr(self._client.memory, method)(*args, **options)
        return [each async for each in found] if method in LISTS else await found

    async def feedback(self, task: Any, score: float) -> Any:
        return await self._client.feedback(task, score)


@pytest.fixture(params=["blocking", "non-blocking"])
async def memory(
    request: pytest.FixtureRequest, server: RunningServer
) -> AsyncIterator[Blocking | NonBlocking]:
    if request.param == "blocking":
        with Treehold(server.url, KEY) as blocking:
            yield Blocking(blocking)
    else:
        async with AsyncTreehold(server.url, KEY) as client:
            yield NonBlocking(client)


@pytest.fixture
def memories(services: ApiServices) -> FakeMemories:
    assert isinstance(services.memories, FakeMemories)
    return services.memories


@pytest.fixture
async def tenant(services: ApiServices) -> TenantId:
    return (await services.keys.authenticate(KEY)).tenant


async def test_records_are_found_shown_and_forgotten(
    memory: Blocking | NonBlocking, memories: FakeMemories, tenant: TenantId
) -> None:
    episode = memories.add_episode(tenant, "Count the sheep")
    note = await memory.call("add", "The sheep are on the hill", scope="private", source="the shepherd")
    assert isinstance(note, Note)
    assert note.scope.startswith("private:")
    found = await memory.call("search", "sheep", kinds=["episode"], scopes=["tenant"])
    assert [(one.id, one.title) for one in found.found] == [(episode.id, "Count the sheep")]
    assert [one.id for one in await memory.call("list", "note", scope=note.scope)] == [note.id]
    shown = await memory.call("get", "episode", episode.id)
    assert isinstance(shown, Episode)
    assert shown.actions[0].tool == "read_file"
    assert (await memory.call("lineage", "episode", shown)).rests_on[0].relation == "supports"
    assert (await memory.call("lift", episode.id)).low < 0
    receipt = await memory.call("forget", "note", note)
    assert receipt.records[0].id == note.id
    assert (await memory.call("verify", receipt)).complete
    assert await memory.call("receipt", receipt.id) == receipt
    with pytest.raises(NotFound):
        await memory.call("get", "note", note.id)
    with pytest.raises(AccessDenied, match="it has: private, tenant"):
        await memory.call("search", "sheep", scopes=["team:blue"])


async def test_memory_is_carried_in_pieces_and_bad_lines_keep_their_numbers(
    memory: Blocking | NonBlocking, memories: FakeMemories, tenant: TenantId
) -> None:
    memories.add_episode(tenant, "Count the sheep")
    lines = await memory.call("export", kinds=["episode"])
    assert len(lines) == 2
    many = [*["{}"] * 700, "bad", "{}"]
    report = await memory.call("import_", many, scope="private")
    assert [bad.line for bad in report.errors] == [701]
    assert report.imported == {"note": 701}


async def test_a_result_is_judged(
    memory: Blocking | NonBlocking, services: ApiServices, tasks: FakeTasks
) -> None:
    caller = await services.keys.authenticate(KEY)
    task = (await tasks.submit(caller, Submission(goal="x"), idempotency_key=None)).task
    assert (await memory.feedback(task.id, 0.5)).score == 0.5
    with pytest.raises(NotFound):
        await memory.feedback(uuid4(), 0.5)
