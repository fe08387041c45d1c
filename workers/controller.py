"""Celery's worker, made to run beside an event loop: another thread may tell it to leave, at any moment."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any

from celery import Celery
from celery.exceptions import WorkerShutdown
from celery.worker import WorkController
from kombu import Connection
from kombu.asynchronous import set_event_loop

from workers.consumer import PatientConsumer
from workers.threads import ApplicationThreads

log = logging.getLogger(__name__)

RETRY_MOST_SECONDS = 3
"""How long to wait at most between two tries to reach a broker that is away; there is no last one."""


class Controller(WorkController):
    """Takes messages of `queues` and runs them on threads. `start` returns when it has left."""

    hub: Any
    consumer: Any

    def __init__(self, app: Celery, *, concurrency: int, queues: Sequence[str]) -> None:
        self._told = threading.Event()
        # Celery would share one hub between all workers of the process, which only one thread may turn.
        set_event_loop(None)
        super().__init__(
            app=app,
            pool_cls=ApplicationThreads,
            consumer_cls=_Consumer,
            concurrency=concurrency,
            queues=list(queues),
            without_heartbeat=True,
            without_gossip=True,
            without_mingle=True,
        )

    @property
    def connected(self) -> bool:
        """To its broker, as far as it knows."""
        connection = getattr(self.consumer, "connection", None)
        return connection is not None and bool(connection.connected)

    def leave(self) -> None:
        """From any thread: take no more messages, acknowledge what is done, and let the rest go back."""
        self._told.set()
        if self.hub is None:
            self.stop()
        else:
            self.hub.call_soon(self.leave_if_told)

    def leave_if_told(self) -> None:
        """In the worker's own thread, from where Celery cleans up by itself."""
        if self._told.is_set():
            raise WorkerShutdown(0)


class _Consumer(PatientConsumer):
    controller: Controller
    first_connection_attempt: bool

    def ensure_connected(self, conn: Connection) -> Connection:
        """For as long as it takes, or until it is told to leave."""

        def failed(error: Exception, seconds: float) -> None:
            log.warning(
                "broker.unreachable",
                extra={"broker": conn.as_uri(), "reason": str(error), "retry_seconds": seconds},
            )

        self.controller.leave_if_told()
        connected = conn.ensure_connection(
            failed,
            interval_start=0,
            interval_step=1,
            interval_max=RETRY_MOST_SECONDS,
            callback=self.controller.leave_if_told,
        )
        self.first_connection_attempt = False
        return connected
