"""A worker process's engine room: Celery's thread pool over one event loop, the relay and the reaper.

A Celery thread holds a slot while a turn runs on the loop; an agent that waits holds nothing (law 2).
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from typing import Any
from uuid import UUID

from celery.worker import WorkController

from core.ids import AgentId, TaskId, TenantId
from core.settings import Settings
from orchestrator.engine_room import EngineRoom
from orchestrator.topics import ADVANCE, LEARN
from workers.celery_app import QUEUE, TASK_PREFIX, CeleryPublisher, make_celery

STOP_SECONDS = 10.0
"""How long a stopping worker waits for its turns to be handed back."""


class Worker:
    """Start, stop and join. One event loop serves all turns of the process."""

    def __init__(self, settings: Settings, room: EngineRoom) -> None:
        self._settings = settings
        self._room = room
        self._loop = asyncio.get_running_loop()
        self._app = make_celery(settings.broker_url.get_secret_value())
        self._inflight: set[Future[Any]] = set()
        self._lock = threading.Lock()
        self._background: list[asyncio.Task[None]] = []
        self._controller: Any = None
        self._thread: threading.Thread | None = None
        self._register()

    def _register(self) -> None:
        async def advance(tenant: UUID, agent: UUID) -> None:
            await self._room.engine.advance(TenantId(tenant), AgentId(agent))

        async def learn(tenant: UUID, task: UUID) -> None:
            await self._room.learning.learn(TenantId(tenant), TaskId(task))

        for topic, job in {ADVANCE: advance, LEARN: learn}.items():
            self._app.task(name=TASK_PREFIX + topic, bind=False)(self._threaded(job))

    def _threaded(self, job: Callable[[UUID, UUID], Coroutine[Any, Any, None]]) -> Callable[..., None]:
        def run(tenant: str, subject: str) -> None:
            future = asyncio.run_coroutine_threadsafe(job(UUID(tenant), UUID(subject)), self._loop)
            with self._lock:
                self._inflight.add(future)
            try:
                future.result()
            except CancelledError:
                return
            finally:
                with self._lock:
                    self._inflight.discard(future)

        return run

    async def start(self) -> None:
        publisher = CeleryPublisher(self._app)
        self._background = [
            asyncio.create_task(job, name=name)
            for name, job in (
                ("relay", self._room.relay(publisher).run()),
                ("reaper", self._room.reaper().run()),
                ("leases", self._room.leases.run()),
            )
        ]
        self._controller = await asyncio.to_thread(
            WorkController,
            app=self._app,
            pool_cls="threads",
            concurrency=self._settings.concurrency,
            queues=[QUEUE],
            without_heartbeat=True,
            without_gossip=True,
            without_mingle=True,
        )
        self._thread = threading.Thread(target=self._controller.start, name="celery", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Stop taking messages, hand running turns back, and wait until all is quiet."""
        for task in self._background[:2]:
            task.cancel()
        with self._lock:
            running = list(self._inflight)
        for future in running:
            future.cancel()
        if self._thread is not None:
            await asyncio.to_thread(self._controller.stop)
            await asyncio.to_thread(self._thread.join, STOP_SECONDS)
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
