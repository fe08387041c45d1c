"""The Celery application. Messages are pointers; Postgres holds the truth (law 3)."""

from __future__ import annotations

import asyncio
from uuid import UUID

from celery import Celery

from core.ids import TenantId
from orchestrator.topics import ADVANCE, LEARN, Topic

QUEUE = "treehold"
TASK_PREFIX = "treehold."

MEMORY_POLL_SECONDS = 0.01
"""How often the in-process broker is looked at; Celery's default of a second would be a second per turn."""


def make_celery(broker_url: str) -> Celery:
    app = Celery("treehold", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_default_queue=QUEUE,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        worker_prefetch_multiplier=1,
        broker_connection_retry_on_startup=True,
        broker_transport_options=_transport_options(broker_url),
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        enable_utc=True,
    )
    return app


def _transport_options(broker_url: str) -> dict[str, float | int]:
    if broker_url.startswith("memory://"):
        return {"polling_interval": MEMORY_POLL_SECONDS}
    if broker_url.startswith("redis"):
        # With Celery's defaults a killed worker's message took 102 s to come back.
        return {"unacked_restore_throttle": 1, "unacked_restore_interval": 2}
    return {}


class CeleryPublisher:
    """`orchestrator.relay.Publisher` over Celery."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._in_process = str(app.conf.broker_url).startswith("memory://")

    async def publish(self, topic: str, tenant: TenantId, subject: UUID) -> None:
        if self._in_process:
            self._send(topic, tenant, subject)
        else:
            await asyncio.to_thread(self._send, topic, tenant, subject)

    def _send(self, topic: str, tenant: TenantId, subject: UUID) -> None:
        self._app.send_task(TASK_PREFIX + topic, args=(str(tenant), str(subject)))


TOPICS: tuple[Topic, ...] = (ADVANCE, LEARN)
