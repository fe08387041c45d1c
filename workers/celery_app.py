"""The Celery application. Messages are pointers; Postgres holds the truth (law 3)."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

from celery import Celery
from kombu import Producer
from kombu.exceptions import OperationalError

from core.errors import StorageError
from core.ids import TenantId
from core.tracing import HEADER, here
from workers.backlog import Backlog, Message

TASK_PREFIX = "treehold."
QUEUE_PREFIX = "treehold"

MEMORY_POLL_SECONDS = 0.01
"""How often the in-process broker is looked at; Celery's default of a second would be a second per turn."""


BROKER_SECONDS = 4.0
"""A broker that does not answer for so long is away: a publisher or a consumer must not wait for ever."""

VISIBILITY_SECONDS = 60
"""Redis gives a message that was neither done nor given back in this time to another worker as well.

A turn may take longer: whoever gets the second message finds its agent taken, and forgets it.
"""


def make_celery(broker_url: str) -> Celery:
    memory = in_process(broker_url)
    app = Celery("treehold", broker="memory://localhost" if memory else broker_url, set_as_current=False)
    app.conf.update(
        # Kombu keeps its in-process queues for the whole process, whichever application made them.
        task_default_queue=f"{QUEUE_PREFIX}.{uuid4().hex}" if memory else QUEUE_PREFIX,
        task_ignore_result=True,
        # A connection that the broker has closed meanwhile is made anew; the relay comes back by itself.
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0},
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        # In this process the backlog is the bound, and a thread that is free need not wait for the next look.
        worker_prefetch_multiplier=0 if memory else 1,
        # Celery would fetch fewer messages after a broken connection, by what it still runs.
        worker_enable_prefetch_count_reduction=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # RabbitMQ closes the channel of a turn that takes longer than its `consumer_timeout`.
        broker_channel_error_retry=True,
        broker_connection_timeout=BROKER_SECONDS,
        broker_heartbeat=10,
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


def _transport_options(broker_url: str) -> dict[str, float]:
    if in_process(broker_url):
        return {"polling_interval": MEMORY_POLL_SECONDS}
    if broker_url.startswith("redis"):
        return {
            "visibility_timeout": VISIBILITY_SECONDS,
            # With Celery's defaults it would look only every 100 s.
            "unacked_restore_throttle": 1,
            "unacked_restore_interval": 2,
            "socket_timeout": BROKER_SECONDS,
            "socket_connect_timeout": BROKER_SECONDS,
            "health_check_interval": 10,
        }
    # What the broker has not confirmed stays in the outbox: a write to a dead connection seems to succeed.
    return {"confirm_publish": True, "read_timeout": BROKER_SECONDS, "write_timeout": BROKER_SECONDS}


def queue_of(app: Celery, topic: str) -> str:
    """Each topic has its own, so that workers can be kept for one."""
    return f"{app.conf.task_default_queue}.{topic}"


class CeleryPublisher:
    """`relay.Publisher` over a broker that other processes share. One message at a time."""

    shared = True

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._producer = app.amqp.Producer(app.connection_for_write(), auto_declare=False)

    async def publish(self, topic: str, tenant: TenantId, subject: UUID) -> None:
        """Raises `StorageError` when the broker does not answer; the outbox keeps the row."""
        await asyncio.to_thread(self._send, topic, tenant, subject)

    def _send(self, topic: str, tenant: TenantId, subject: UUID) -> None:
        try:
            send(self._app, topic, tenant, subject, producer=self._producer)
        except (OperationalError, OSError) as error:
            raise StorageError(f"the broker does not answer: {error}", code="broker_unavailable") from error

    async def capacity(self) -> int:
        return 1000

    def close(self) -> None:
        """Without a word to the broker, which might be silent."""
        if (connection := self._producer.connection) is not None:
            connection.collect()


class InProcessPublisher:
    """`relay.Publisher` over the broker in this process, bounded by its backlog."""

    shared = False

    def __init__(self, app: Celery, backlog: Backlog) -> None:
        self._app = app
        self._backlog = backlog

    async def publish(self, topic: str, tenant: TenantId, subject: UUID) -> None:
        self._backlog.add(Message(topic=topic, tenant=tenant, subject=subject))
        send(self._app, topic, tenant, subject)

    async def capacity(self) -> int:
        return await self._backlog.capacity()

    def close(self) -> None:
        """Holds no connection."""


def send(app: Celery, topic: str, tenant: TenantId, subject: UUID, producer: Producer | None = None) -> None:
    trace = here()
    app.send_task(
        TASK_PREFIX + topic,
        args=(str(tenant), str(subject)),
        queue=queue_of(app, topic),
        producer=producer,
        headers=None if trace is None else {HEADER: trace.header},
    )
