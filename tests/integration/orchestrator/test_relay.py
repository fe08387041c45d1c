"""The relay and brokers that are slower than Postgres is patient."""

from __future__ import annotations

import asyncio
from collections import Counter
from uuid import UUID

import pytest

from bench.support.engine import Harness
from bench.support.scripts import team
from core.ids import TenantId
from tests.integration.orchestrator.conftest import Opener

MESSAGES = 100


class Slow:
    """A broker that takes its time with each message."""

    def __init__(self, *, shared: bool) -> None:
        self.shared = shared
        self.asked = asyncio.Event()
        self.published: Counter[UUID] = Counter()

    async def publish(self, topic: str, tenant: TenantId, subject: UUID) -> None:
        self.asked.set()
        await asyncio.sleep(0.015)
        self.published[subject] += 1

    async def capacity(self) -> int:
        return 1000


async def enqueued(opened: Harness) -> list[UUID]:
    subjects = [opened.platform.ids.new() for _ in range(MESSAGES)]
    async with opened.platform.database.unit_of_work(opened.principal.tenant) as work:
        for subject in subjects:
            work.enqueue("advance", subject)
    return subjects


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "in-process"])
async def test_a_slow_broker_gets_each_message_once(open_harness: Opener, shared: bool) -> None:
    opened, _ = await open_harness(team(1), lease_seconds=1.0)
    subjects = await enqueued(opened)
    broker = Slow(shared=shared)
    assert await opened.room.relay(broker).drain() == MESSAGES
    assert broker.published == Counter(subjects)


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "in-process"])
async def test_a_relay_that_is_stopped_loses_no_message(open_harness: Opener, shared: bool) -> None:
    opened, _ = await open_harness(team(1))
    subjects = await enqueued(opened)
    broker = Slow(shared=shared)
    stopped = asyncio.create_task(opened.room.relay(broker).drain())
    await broker.asked.wait()
    stopped.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopped
    await opened.room.relay(broker).drain()
    assert set(broker.published) == set(subjects)
