"""The relay and brokers that are slower than Postgres is patient."""

from __future__ import annotations

import asyncio
from collections import Counter
from uuid import UUID

from bench.support.scripts import team
from core.ids import TenantId
from tests.integration.orchestrator.conftest import Opener

MESSAGES = 100


class Slow:
    """A broker that takes its time with each message."""

    def __init__(self) -> None:
        self.published: Counter[UUID] = Counter()

    async def publish(self, topic: str, tenant: TenantId, subject: UUID) -> None:
        await asyncio.sleep(0.015)
        self.published[subject] += 1

    async def capacity(self) -> int:
        return 1000


async def test_a_slow_broker_gets_each_message_once(open_harness: Opener) -> None:
    opened, _ = await open_harness(team(1), lease_seconds=1.0)
    subjects = [opened.platform.ids.new() for _ in range(MESSAGES)]
    async with opened.platform.database.unit_of_work(opened.principal.tenant) as work:
        for subject in subjects:
            work.enqueue("advance", subject)
    broker = Slow()
    assert await opened.room.relay(broker).drain() == MESSAGES
    assert broker.published == Counter(subjects)
