"""A whole Treehold inside this process: Postgres, API, viewer and workers, on one event loop."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Protocol

from fastapi import FastAPI

from api.app import create_app, create_health_app
from api.ports import OK, ApiServices, Figures
from api.server import RunningServer, serve
from cli import local_server
from cli.readiness import Check, Readiness
from core.errors import ConfigurationError
from core.loop_lag import watch_loop
from core.settings import Settings
from orchestrator.bootstrap import open_platform
from orchestrator.platform import Platform
from orchestrator.site import open_site

log = logging.getLogger(__name__)


class Service(Protocol):
    @property
    def consuming(self) -> bool: ...

    async def start(self) -> None: ...

    async def wait(self) -> None: ...

    async def stop(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Host:
    """An open host.

    Attributes:
        url: where its API answers.
        key: the local user's, where the database is embedded.
        sign_in_url: opens the viewer once, already signed in; empty without API or key.
        working: set when the worker runs; never without workers.
        parts: what must go on for the host to be of use; they end only by themselves.
    """

    url: str
    key: str | None
    sign_in_url: str
    platform: Platform
    working: asyncio.Event
    parts: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    async def wait(self) -> None:
        """Until a part has ended by itself.

        Raises:
            ConfigurationError: the worker cannot be started.
            TreeholdError: what ended it.
        """
        await asyncio.wait(self.parts, return_when=asyncio.FIRST_COMPLETED)
        for part in self.parts:
            if part.done():
                part.result()


@asynccontextmanager
async def hosted(settings: Settings, *, api: bool, workers: bool, port: int) -> AsyncGenerator[Host]:
    """Start the parts in the order they are needed: a task can be submitted while the engine still loads.

    Raises:
        TreeholdError: a part could not be started; what was started is stopped again.
    """
    async with AsyncExitStack() as stack:
        site = await asyncio.to_thread(open_site, settings)
        stack.callback(site.release)
        platform = await open_platform(settings, site.conninfo)
        stack.push_async_callback(platform.aclose)
        await platform.index.prepare()
        url, sign_in_url, working = settings.site_url, "", asyncio.Event()
        parts: list[asyncio.Task[None]] = []
        readiness = Readiness(_checks(platform))
        stack.push_async_callback(_stopped, asyncio.create_task(watch_loop(platform.metrics, platform.clock)))
        if api:
            services = _services(platform, readiness)
            server = await _listening(create_app(services), settings, port)
            stack.push_async_callback(server.stop)
            parts.append(server.serving)
            url = server.url
            sign_in_url = services.tickets.link(url, site.key) if site.key else ""
        if workers:
            part = _WorkerPart(settings, platform, working)
            readiness.hear("workers", part.state)
            stack.push_async_callback(part.stop)
            parts.append(part.running)
            if not api and settings.health_port is not None:
                figures = Figures(text=platform.fleet.text, token=settings.metrics_token)
                health = await _listening(
                    create_health_app(readiness, figures), settings, settings.health_port
                )
                stack.push_async_callback(health.stop)
                parts.append(health.serving)
        yield Host(
            url=url,
            key=site.key,
            sign_in_url=sign_in_url,
            platform=platform,
            working=working,
            parts=parts,
        )


async def _stopped(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _listening(app: FastAPI, settings: Settings, port: int) -> RunningServer:
    try:
        return await serve(app, host=settings.host, port=port)
    except ConfigurationError as error:
        cause = error.__cause__
        if not isinstance(cause, OSError) or cause.errno != errno.EADDRINUSE:
            raise
        own = local_server.found(settings)
        holder = f"treehold up serves this data folder at {own.url}" if own else "something else uses it"
        raise ConfigurationError(
            f"port {port} on {settings.host} is taken: {holder}; name another with --port"
        ) from error


class _WorkerPart:
    """LangGraph takes a second or two to import: in a thread, so that the API answers meanwhile."""

    def __init__(self, settings: Settings, platform: Platform, working: asyncio.Event) -> None:
        """`working` is set when the worker runs."""
        self._settings = settings
        self._platform = platform
        self._state = "starting"
        self._working = working
        self._worker: Service | None = None
        self.running = asyncio.create_task(self._run(), name="worker")

    def state(self) -> str:
        """`OK` or, in words, why no work is done here."""
        if self._state == OK and self._worker is not None and not self._worker.consuming:
            return "not connected to the broker"
        return self._state

    async def stop(self) -> None:
        """Also half-way through its start."""
        self.running.cancel()
        await asyncio.gather(self.running, return_exceptions=True)
        if self._worker is not None:
            await self._worker.stop()

    async def _run(self) -> None:
        try:
            make = await asyncio.to_thread(_worker_factory)
            self._worker = make(self._settings, self._platform)
            await self._worker.start()
        except Exception as error:
            self._state = "could not be started"
            log.exception("worker.start_failed")
            raise ConfigurationError(f"the worker cannot be started: {error}") from error
        self._state = OK
        self._working.set()
        try:
            await self._worker.wait()
        except Exception:
            self._state = "stopped working"
            log.exception("worker.failed")
            raise


def _worker_factory() -> Callable[[Settings, Platform], Service]:
    from orchestrator.engine.engine_room import open_engine_room
    from workers.worker import Worker

    def make(settings: Settings, platform: Platform) -> Service:
        return Worker(settings, open_engine_room(platform))

    return make


def _checks(platform: Platform) -> dict[str, Check]:
    checks: dict[str, Check] = {"postgres": platform.ready}
    if not platform.settings.embedded_broker:
        checks["broker"] = lambda: _broker(platform.settings.broker_url.get_secret_value())
    return checks


async def _broker(url: str) -> None:
    from workers.broker import ask

    await ask(url)


def _services(platform: Platform, ready: Readiness) -> ApiServices:
    token = platform.settings.metrics_token
    return ApiServices(
        tasks=platform.tasks,
        forks=platform.forks,
        control=platform.control,
        approvals=platform.approvals,
        messages=platform.messages,
        memories=platform.memories,
        keys=platform.keys,
        model=platform.model,
        ready=ready,
        settings=platform.settings,
        figures=Figures(text=platform.fleet.text, token=token) if token else None,
    )
