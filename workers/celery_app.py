"""The Celery application. Messages are pointers; Postgres holds the truth (law 3)."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

from celery import Celery
from kombu.exceptions import OperationalError

from core.errors import StorageError
from core.ids import TenantId
from workers.backlog import Backlog, Message

QUEUE = "treehold"
TASK_PREFIX = "treehold."

MEMORY_POLL_SECONDS = 0.01
"""How often the in-process broker is looked at; Celery's default of a second would be a second per turn."""


def make_celery(broker_url: str) -> Celery:
    memory = in_process(broker_url)
    app = Celery("treehold", broker="memory://localhost" if memory else broker_url, set_as_current=False)
    app.conf.update(
        # Kombu keeps its in-process queues for the whole process, whichever application made them.
        task_default_queue=f"{QUEUE}.{uuid4().hex}" if memory else QUEUE,
        task_ignore_result=True,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        # In this process the backlog is the bound, and a thread that is free need not wait for the next look.
        worker_prefetch_multiplier=0 if memory else 1,
        broker_connection_retry_on_startup=True,
        broker_transport_options=_transport_options(broker_url),
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        enable_utc=True,
    )
    return app


def in_process(broker_url: str) -> bool:
    """Whether messages live and die with this process."""
    return broker_url.startswith("memory://")


def _transport_options(broker_url: str) -> dict[str, float | int]:
    if in_process(broker_url):
        return {"polling_interval": MEMORY_POLL_SECONDS}
    if broker_url.startswith("redis"):
        # With Celery's defaults a killed worker's message took 102 s to come back.
        return {"unacked_restore_throttle": 1, "unacked_restore_interval": 2}
    return {}


class CeleryPublisher:
    """`orchestrator.relay.Publisher` over a broker that other processes share."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    async def publish(self, topic: str, tenant: TenantId, subject: UUID) -> None:
        await asyncio.to_thread(send, self._app, topic, tenant, subject)

    async def capacity(self) -> int:
        return 1000


class InProcessPublisher:
    """`orchestrator.relay.Publisher` over the broker in this process, bounded by its backlog."""

    def __init__(self, app: Celery, backlog: Backlog) -> None:
        self._app = app
        self._backlog = backlog

    async def publish(self, topic: str, tenant: TenantId, subject: UUID) -> None:
        self._backlog.add(Message(topic=topic, tenant=tenant, subject=subject))
        send(self._app, topic, tenant, subject)

    async def capacity(self) -> int:
        return await self._backlog.capacity()


def send(app: Celery, topic: str, tenant: TenantId, subject: UUID) -> None:
    """Raises `StorageError` when the broker does not answer; the outbox keeps the row."""
    try:
        app.send_task(TASK_PREFIX + topic, args=(str(tenant), str(subject)))
    except (OperationalError, OSError) as error:
        raise StorageError(f"the broker does not answer: {error}", code="broker_unavailable") from error
