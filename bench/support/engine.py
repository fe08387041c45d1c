"""An engine without Celery: real Postgres, real graphs, and a driver that runs one turn at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID

from bench.support.vectors import DictIndex, HashEmbedder
from core.clock import Clock
from core.ids import AgentId, TaskId, TenantId
from core.settings import Settings
from inference.model import ModelDescription, ModelHealth, ModelReply, ModelRequest, Usage
from inference.ports import ModelProvider, Progress
from memory.ports import Embedder, VectorIndex
from orchestrator.bootstrap import open_platform
from orchestrator.engine.engine_room import EngineRoom, open_engine_room
from orchestrator.engine.relay import Publisher
from orchestrator.platform import Platform
from orchestrator.services.principal import Principal
from orchestrator.services.views import Submission, TaskView
from orchestrator.topics import ADVANCE, LEARN
from tools import MeaningSearch, Tool
from tools.builtin import builtin_tools

Script = Callable[[ModelRequest], ModelReply]

LOCAL_KEY = UUID(int=1)
SCOPES = frozenset({"tasks:read", "tasks:write", "memory:read", "memory:write"})


@dataclass
class ScriptedProvider:
    """Answers by a script, and remembers every request it got."""

    script: Script
    requests: list[ModelRequest] = field(default_factory=list[ModelRequest])

    async def complete(self, request: ModelRequest, *, on_progress: Progress) -> ModelReply:
        self.requests.append(request)
        await on_progress(0.0)
        reply = self.script(request)
        return (
            reply
            if reply.usage.known
            else reply.model_copy(update={"usage": Usage(prompt_tokens=10, completion_tokens=5)})
        )

    def price(self, usage: Usage) -> int | None:
        return 0

    def describe(self) -> ModelDescription:
        return ModelDescription(name="scripted", provider="script")

    async def check(self) -> ModelHealth:
        return ModelHealth(reachable=True, detail="scripted")

    async def aclose(self) -> None:
        """Holds nothing."""


Delivery = tuple[str, TenantId, UUID]
"""Topic, tenant and subject."""


class Post(Publisher, Protocol):
    """Where the relay brings messages, and where they are collected."""

    async def take(self) -> list[Delivery]:
        """All that was published since the last time."""
        ...


@dataclass
class Pile:
    """A post without a broker."""

    messages: list[Delivery] = field(default_factory=list[Delivery])
    shared: bool = True

    async def publish(self, topic: str, tenant: TenantId, subject: UUID) -> None:
        self.messages.append((topic, tenant, subject))

    async def capacity(self) -> int:
        return 1000

    async def take(self) -> list[Delivery]:
        taken, self.messages = self.messages, []
        return taken


@dataclass
class Harness:
    """A platform and an engine room, and messages that wait until they are driven."""

    platform: Platform
    room: EngineRoom
    principal: Principal
    post: Post = field(default_factory=Pile)
    turns: int = 0

    async def submit(self, goal: str, **more: object) -> TaskId:
        submission = Submission.model_validate({"goal": goal, **more})
        submitted = await self.platform.tasks.submit(self.principal, submission, idempotency_key=None)
        return TaskId(submitted.task.id)

    async def collect(self) -> list[Delivery]:
        """Messages published since the last look, as a relay would hand them out."""
        await self.room.relay(self.post).drain()
        return await self.post.take()

    async def step(self) -> int:
        """Deliver what is waiting, once; returns how many messages there were."""
        messages = await self.collect()
        for topic, tenant, subject in messages:
            if topic == ADVANCE:
                self.turns += await self.room.engine.advance(tenant, AgentId(subject))
            elif topic == LEARN:
                await self.room.learning.learn(tenant, TaskId(subject))
        return len(messages)

    async def drive(self, *, most: int = 10_000) -> None:
        """Until nothing is waiting."""
        for _ in range(most):
            if not await self.step():
                return
        raise AssertionError(f"still busy after {most} rounds")

    async def view(self, task: UUID) -> TaskView:
        return await self.platform.tasks.get(self.principal, task)

    async def run(self, goal: str, **more: object) -> TaskView:
        task = await self.submit(goal, **more)
        await self.drive()
        return await self.view(task)


@asynccontextmanager
async def harness(
    conninfo: str,
    tenant: TenantId,
    provider: ModelProvider,
    *,
    clock: Clock | None = None,
    settings: Settings | None = None,
    owner: str = "test-worker",
    embedder: Embedder | None = None,
    index: VectorIndex | None = None,
    extra_tools: Sequence[Tool] = (),
    post: Post | None = None,
) -> AsyncGenerator[Harness]:
    """Opens as a process of its own would, with tools beside the built-in ones."""
    embedder = embedder or HashEmbedder()
    platform = await open_platform(
        settings or Settings(pool_size=8, memory_learning_tokens=0),
        conninfo,
        provider=provider,
        clock=clock,
        embedder=embedder,
        index=index or DictIndex(),
        tools=(*builtin_tools(MeaningSearch(embedder)), *extra_tools),
    )
    await platform.index.prepare()
    try:
        yield Harness(
            platform=platform,
            room=open_engine_room(platform, owner=owner),
            principal=Principal(tenant=tenant, key=LOCAL_KEY, name="test", scopes=SCOPES),
            post=post or Pile(),
        )
    finally:
        await platform.aclose()
