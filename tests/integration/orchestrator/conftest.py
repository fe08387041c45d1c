"""A harness over a fresh database, with a scripted model and words hashed to vectors."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import get_args
from uuid import UUID

import pytest

from bench.support.engine import Delivery, Harness, Script, ScriptedProvider, harness
from core.ids import TenantId
from core.settings import Settings
from orchestrator.topics import Topic
from tests.conftest import TestDatabase
from tools import Tool
from workers.celery_app import CeleryPublisher, make_celery, queue_of


class Wire(CeleryPublisher):
    """A post that is a real broker: what the relay published is read from its queues."""

    def __init__(self, broker_url: str) -> None:
        app = make_celery(broker_url)
        super().__init__(app)
        self._under_way = 0
        self._connection = app.connection_for_read()
        self._queues = [(topic, queue_of(app, topic)) for topic in get_args(Topic)]

    async def publish(self, topic: str, tenant: TenantId, subject: UUID) -> None:
        await super().publish(topic, tenant, subject)
        self._under_way += 1

    async def take(self) -> list[Delivery]:
        taken: list[Delivery] = []
        for topic, queue in self._queues if self._under_way else ():
            taken += [(topic, tenant, subject) for tenant, subject in self._read(queue)]
        assert len(taken) == self._under_way, "each message comes, and comes once"
        self._under_way = 0
        return taken

    def _read(self, queue: str) -> Iterator[tuple[TenantId, UUID]]:
        box = self._connection.SimpleQueue(queue)
        while True:
            try:
                message = box.get_nowait()
            except box.Empty:
                box.close()
                return
            message.ack()
            (tenant, subject), *_ = message.payload
            yield TenantId(UUID(tenant)), UUID(subject)

    def close(self) -> None:
        super().close()
        self._connection.release()


class Opener:
    """Opens harnesses over the test's database and broker; each stands for a process of its own."""

    def __init__(
        self, stack: AsyncExitStack, database: TestDatabase, tenant: TenantId, broker_url: str
    ) -> None:
        self._broker_url = broker_url
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
        make: Callable[[Script], ScriptedProvider] = ScriptedProvider,
        **settings: object,
    ) -> tuple[Harness, ScriptedProvider]:
        provider = make(script)
        self._stack.callback((wire := Wire(self._broker_url)).close)
        opened = await self._stack.enter_async_context(
            harness(
                self._database.application,
                tenant or self._tenant,
                provider,
                owner=owner,
                extra_tools=extra_tools,
                post=wire,
                settings=Settings.model_validate({"pool_size": 6, "memory_learning_tokens": 0, **settings}),
            )
        )
        return opened, provider


@pytest.fixture
async def open_harness(
    test_database: TestDatabase, tenant: TenantId, broker_url: str
) -> AsyncIterator[Opener]:
    """On each kind of broker in turn."""
    async with AsyncExitStack() as stack:
        yield Opener(stack, test_database, tenant, broker_url)
