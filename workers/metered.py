"""A publisher whose messages are counted."""

from __future__ import annotations

from uuid import UUID

from core.ids import TenantId
from core.metrics import Metrics
from orchestrator.engine.relay import Publisher


class MeteredPublisher:
    """`relay.Publisher`, over another one."""

    def __init__(self, publisher: Publisher, metrics: Metrics) -> None:
        self._publisher = publisher
        self._metrics = metrics
        self.shared = publisher.shared

    async def publish(self, topic: str, tenant: TenantId, subject: UUID) -> None:
        try:
            await self._publisher.publish(topic, tenant, subject)
        except BaseException:
            self._metrics.publish_failures.inc()
            raise
        self._metrics.published.labels(topic).inc()

    async def capacity(self) -> int:
        return await self._publisher.capacity()
