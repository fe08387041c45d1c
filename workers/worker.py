"""A worker process's engine room: Celery's thread pool over one event loop, relay, reaper and indexer.

A Celery thread holds a slot while a turn runs on the loop; an agent that waits holds nothing (law 2).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError
from typing import get_args
from uuid import UUID

from core import failpoints
from core.bound import bound
from core.errors import ConfigurationError, StorageError, WorkerFailed
from core.ids import AgentId, TaskId, TenantId
from core.settings import Settings
from orchestrator.engine.engine_room import EngineRoom
from orchestrator.telemetry.exporter import TraceExporter
from orchestrator.topics import ADVANCE, LEARN, Topic
from workers.backlog import Backlog, Message
from workers.celery_app import (
    TASK_PREFIX,
    CeleryPublisher,
    InProcessPublisher,
    in_process,
    make_celery,
    queue_of,
)
from workers.controller import Controller
from workers.metered import MeteredPublisher

log = logging.getLogger(__name__)

STOP_SECONDS = 5.0
"""How long a stopping worker waits for its turns to be handed back, and then for Celery."""

TRACES_SECONDS = 2.0
"""How long it waits for what it did to be told to a collector. The rest is told by the next worker."""

LEAST_AHEAD = 2
"""Messages ahead of the workers, so that a slot that becomes free finds one; an eighth of the slots, if more.

The order in which tenants are served is made up behind them, so a newcomer waits for these.
"""

Job = Callable[[TenantId, UUID], Awaitable[object]]


class Worker:
    """Start, stop and join. One event loop serves all turns of the process."""

    def __init__(self, settings: Settings, room: EngineRoom) -> None:
        """Raises `ConfigurationError` where the settings do not go together."""
        _check(settings)
        self._settings = settings
        self._room = room
        self._loop = asyncio.get_running_loop()
        broker = settings.broker_url.get_secret_value()
        self._app = make_celery(broker)
        self._in_process = in_process(broker)
        ahead = max(LEAST_AHEAD, settings.concurrency // 8)
        self._backlog = Backlog(limit=ahead)
        self._publisher = (
            InProcessPublisher(self._app, self._backlog) if self._in_process else CeleryPublisher(self._app)
        )
        metrics = room.platform.metrics
        metrics.turns.set_function(lambda: room.leases.held)
        metrics.turn_slots.set(settings.concurrency)
        self._relay = room.relay(
            MeteredPublisher(self._publisher, metrics), depth=None if self._in_process else ahead
        )
        self._traces: TraceExporter | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._refused: list[Message] = []
        self._stopping = False
        self._background: list[asyncio.Task[None]] = []
        self._controller: Controller | None = None
        self._celery: asyncio.Future[None] | None = None
        self._register()

    def _register(self) -> None:
        async def advance(tenant: TenantId, agent: UUID) -> None:
            await self._room.engine.advance(tenant, AgentId(agent), claimed=self._relay.nudge)
            self._relay.nudge()

        async def learn(tenant: TenantId, task: UUID) -> None:
            with bound(tenant=tenant, task=task):
                await self._room.learning.learn(tenant, TaskId(task))

        jobs: dict[Topic, Job] = {ADVANCE: advance, LEARN: learn}
        for topic, job in jobs.items():
            self._app.task(name=TASK_PREFIX + topic, bind=False, shared=False)(self._threaded(topic, job))

    def _threaded(self, topic: Topic, job: Job) -> Callable[[str, str], None]:
        def run(tenant: str, subject: str) -> None:
            message = Message(topic=topic, tenant=TenantId(UUID(tenant)), subject=UUID(subject))
            future = asyncio.run_coroutine_threadsafe(self._do(job, message), self._loop)
            try:
                future.result()
            except CancelledError:
                return

        return run

    async def _do(self, job: Job, message: Message) -> None:
        """One job, on the loop. Where Postgres fails, its lease or the reaper brings it back."""
        failpoints.reach(f"worker.{message.topic}")
        self._backlog.begun(message)
        if self._stopping:
            self._refused.append(message)
            return
        task = asyncio.current_task()
        assert task is not None, "a coroutine runs in a task"
        self._running.add(task)
        try:
            await job(message.tenant, message.subject)
        except StorageError as error:
            log.warning("%s.interrupted", message.topic, extra={"reason": error.message})
        finally:
            self._running.discard(task)
        failpoints.reach("worker.acknowledge")

    async def start(self) -> None:
        """Raises whatever kept Celery from starting; nothing is left behind then."""
        # Before the relay: both import parts of Celery as they begin, and can lock each other at it.
        self._controller = await asyncio.to_thread(
            Controller,
            self._app,
            concurrency=self._settings.concurrency,
            queues=[queue_of(self._app, topic) for topic in self._settings.queues],
        )
        self._traces = await asyncio.to_thread(self._room.trace_exporter)
        jobs = {
            "relay": self._relay.run(),
            "reaper": self._room.reaper().run(),
            "indexer": self._room.platform.indexer.run(),
            "leases": self._room.leases.run(),
            "cancellations": self._room.cancellations().run(),
        }
        if self._traces is not None:
            jobs["traces"] = self._traces.run()
        self._background = [asyncio.create_task(job, name=name) for name, job in jobs.items()]
        self._celery = self._in_thread(self._controller.start)

    @property
    def consuming(self) -> bool:
        """Whether messages reach it: it is connected to its broker, as far as it knows."""
        return self._controller is not None and self._controller.connected

    async def wait(self) -> None:
        """Return when the worker is stopped.

        Raises:
            WorkerFailed: one of its parts ended by itself, and agents would no longer advance.
        """
        parts = {task: task.get_name() for task in self._background}
        assert self._celery is not None, "a started worker"
        await asyncio.wait([*parts, self._celery], return_when=asyncio.FIRST_COMPLETED)
        if self._stopping:
            return
        name, ended = next(
            ((name, task) for task, name in parts.items() if task.done()), ("celery", self._celery)
        )
        error = None if ended.cancelled() else ended.exception()
        raise WorkerFailed(f"the worker's {name} ended: {error or 'without an error'}") from error

    async def stop(self) -> None:
        """Stop taking messages, hand running turns back, and wait until all is quiet."""
        self._stopping = True
        await _cancelled(self._background[:2])
        await _cancelled(list(self._running), seconds=STOP_SECONDS)
        if self._celery is not None and self._controller is not None:
            await asyncio.to_thread(self._controller.leave)
            if not self._in_process:
                await asyncio.wait([self._celery], timeout=STOP_SECONDS)
        if self._traces is not None and self._background:
            self._traces.leave()
            await asyncio.wait(self._background[-1:], timeout=TRACES_SECONDS)
        await _cancelled(self._background)
        await asyncio.to_thread(self._publisher.close)
        await self._put_back([*self._refused, *self._backlog.left()])

    def _in_thread(self, start: Callable[[], None]) -> asyncio.Future[None]:
        """Run Celery in a daemon thread; the future is done when it has ended."""
        ended: asyncio.Future[None] = self._loop.create_future()

        def settle(error: BaseException | None) -> None:
            if ended.cancelled():
                return
            if error is None:
                ended.set_result(None)
            else:
                ended.set_exception(error)
                ended.exception()  # read here, lest a stop that awaits nobody be logged as forgotten

        def run() -> None:
            error: BaseException | None = None
            try:
                start()
            except BaseException as raised:  # noqa: BLE001 - whatever ended the thread, the waiter is told
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(settle, error)

        threading.Thread(target=run, name="celery", daemon=True).start()
        return ended

    async def _put_back(self, messages: list[Message]) -> None:
        """Messages nobody will read here any more, for another process to take at once."""
        try:
            for message in messages:
                async with self._room.platform.database.unit_of_work(message.tenant) as work:
                    work.enqueue(message.topic, message.subject)
        except StorageError as error:
            log.warning("messages.lost", extra={"reason": error.message})


def _check(settings: Settings) -> None:
    if settings.connections < settings.least_connections:
        raise ConfigurationError(
            f"TREEHOLD_POOL_SIZE={settings.pool_size} is too small for a worker with "
            f"TREEHOLD_CONCURRENCY={settings.concurrency}: leave it unset, or make it "
            f"{settings.least_connections} or more"
        )
    if in_process(settings.broker_url.get_secret_value()) and set(settings.queues) != set(get_args(Topic)):
        raise ConfigurationError(
            "a worker on memory:// must take all queues: no other process can reach the rest; "
            "set TREEHOLD_BROKER_URL to RabbitMQ or Redis, or leave the queues out"
        )


async def _cancelled(tasks: list[asyncio.Task[None]], *, seconds: float | None = None) -> None:
    """Cancel, and wait until they have ended, but no longer than `seconds`."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=seconds)
