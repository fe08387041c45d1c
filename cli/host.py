"""A whole Treehold inside this process: Postgres, API, viewer and workers, on one event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from api.app import create_app
from api.ports import OK, ApiServices
from api.server import serve
from core.settings import Settings
from orchestrator.bootstrap import Platform, open_platform
from orchestrator.site import open_site

log = logging.getLogger(__name__)


class Service(Protocol):
    async def start(self) -> None: ...

    async def stop(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Host:
    """An open host.

    Attributes:
        url: where its API answers.
        key: the local user's, where the database is embedded.
        sign_in_url: opens the viewer once, already signed in; empty without API or key.
        started: done when the worker runs, with the error when it cannot; None without workers.
    """

    url: str
    key: str | None
    sign_in_url: str
    platform: Platform
    started: asyncio.Task[None] | None


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
        url, sign_in_url = settings.site_url, ""
        parts: dict[str, str] = {"workers": "starting"} if workers else {}
        if api:
            services = _services(platform, parts)
            server = await serve(create_app(services), host=settings.host, port=port)
            stack.push_async_callback(server.stop)
            url = server.url
            sign_in_url = services.tickets.link(url, site.key) if site.key else ""
        started: asyncio.Task[None] | None = None
        if workers:
            starting = _StartingWorker(settings, platform, parts)
            stack.push_async_callback(starting.stop)
            started = starting.started
        yield Host(url=url, key=site.key, sign_in_url=sign_in_url, platform=platform, started=started)


class _StartingWorker:
    """LangGraph takes a second or two to import: in a thread, so that the API answers meanwhile."""

    def __init__(self, settings: Settings, platform: Platform, parts: dict[str, str]) -> None:
        """`parts` is told when the worker runs."""
        self._settings = settings
        self._platform = platform
        self._parts = parts
        self._worker: Service | None = None
        self.started = asyncio.create_task(self._start(), name="worker start")

    async def stop(self) -> None:
        """Also half-way through its start."""
        self.started.cancel()
        await asyncio.gather(self.started, return_exceptions=True)
        if self._worker is not None:
            await self._worker.stop()

    async def _start(self) -> None:
        make = await asyncio.to_thread(_worker_factory)
        self._worker = make(self._settings, self._platform)
        try:
            await self._worker.start()
        except Exception:
            self._parts["workers"] = "could not be started"
            log.exception("worker.start_failed")
            raise
        self._parts["workers"] = OK


def _worker_factory() -> Callable[[Settings, Platform], Service]:
    from orchestrator.engine_room import open_engine_room
    from workers.worker import Worker

    def make(settings: Settings, platform: Platform) -> Service:
        return Worker(settings, open_engine_room(platform))

    return make


def _services(platform: Platform, parts: Mapping[str, str]) -> ApiServices:
    async def ready() -> Mapping[str, str]:
        return {**await platform.ready(), **parts}

    return ApiServices(
        tasks=platform.tasks,
        keys=platform.keys,
        model=platform.model,
        ready=ready,
        settings=platform.settings,
    )
