"""Harnesses over one database without a broker, and what forks are asked and looked at with."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any, Literal
from uuid import UUID

import pytest

from bench.support.engine import Harness, Script, ScriptedProvider, harness
from bench.support.fake_clock import FakeClock
from bench.support.scripts import NOTHING_FOUND, calls, says, team
from core.ids import TaskId, TenantId
from core.provenance import Trust
from core.settings import Settings
from inference.model import ModelReply, ModelRequest
from orchestrator.services.views import EventView, ForkRequest, TaskView
from tests.conftest import TestDatabase
from tools import Tool, ToolContext, ToolResult, ToolSpec
from tools.contract import Arguments


class Entry(Arguments):
    entry: str


class Post:
    """A tool with an effect, which remembers each time it had it."""

    def __init__(self, name: str, effect: Literal["keyed", "unsafe"]) -> None:
        self.spec = ToolSpec(name=name, description="Post an entry.", arguments=Entry, effect=effect)
        self.posted: list[str] = []

    async def run(self, arguments: Entry, context: ToolContext) -> ToolResult:
        self.posted.append(arguments.entry)
        return ToolResult(content=f"posted {arguments.entry}", trust=Trust.DERIVED)


class Opener:
    """Each harness stands for a process of its own."""

    def __init__(self, stack: AsyncExitStack, database: TestDatabase, tenant: TenantId) -> None:
        self._stack = stack
        self._database = database
        self._tenant = tenant

    async def __call__(
        self,
        script: Script,
        *,
        tenant: TenantId | None = None,
        owner: str = "worker-1",
        extra_tools: Sequence[Tool] = (),
    ) -> tuple[Harness, ScriptedProvider]:
        provider = ScriptedProvider(script)
        opened = await self._stack.enter_async_context(
            harness(
                self._database.application,
                tenant or self._tenant,
                provider,
                clock=FakeClock(),
                owner=owner,
                extra_tools=extra_tools,
                settings=Settings.model_validate({"pool_size": 6, "memory_learning_tokens": 0}),
            )
        )
        return opened, provider


@pytest.fixture
async def open_harness(test_database: TestDatabase, tenant: TenantId) -> AsyncIterator[Opener]:
    async with AsyncExitStack() as stack:
        yield Opener(stack, test_database, tenant)


async def begin_fork(opened: Harness, source: UUID, **wanted: Any) -> TaskId:
    forked = await opened.platform.forks.fork(
        opened.principal, source, ForkRequest.model_validate(wanted), idempotency_key=None
    )
    assert forked.task.forked_from == source
    return TaskId(forked.task.id)


async def run_fork(opened: Harness, source: UUID, **wanted: Any) -> TaskView:
    fork = await begin_fork(opened, source, **wanted)
    await opened.drive()
    return await opened.view(fork)


async def events_of(opened: Harness, task: UUID) -> list[EventView]:
    return await opened.platform.tasks.events(opened.principal, task, after=0, limit=100_000)


async def live_calls(opened: Harness, task: UUID) -> list[str]:
    """The names of the calls that were really made."""
    found = await opened.platform.tasks.calls(opened.principal, task, None)
    return [call.name for call in found if not call.replayed]


def posting(request: ModelRequest) -> ModelReply:
    """A worker that uses two tools with effects, one after the other, and a lead over it."""
    if request.kind != "act":
        return team(1)(request)
    told = [message.content for message in request.messages if message.role == "tool"]
    return says(NOTHING_FOUND) if len(told) == 2 else calls(["enter", "send"][len(told)], entry="once")


def posts() -> tuple[Post, Post]:
    return Post("enter", "keyed"), Post("send", "unsafe")


def ended(view: TaskView) -> str:
    """All that a user sees of a task's end."""
    return json.dumps([view.status, view.stop_reason, view.model_dump(mode="json")["answer"]])
