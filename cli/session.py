"""A client to a server: the one that was named, or one in this process, for as long as it is needed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from cli.host import Host, hosted
from core.settings import Settings
from treehold import Treehold


@dataclass(frozen=True, kw_only=True)
class Session:
    """A connected client. `embedded` tells whether the server goes away with this process."""

    client: Treehold
    site_url: str
    embedded: bool


@contextmanager
def connect(settings: Settings, *, server: str | None, key: str | None, workers: bool) -> Generator[Session]:
    """Raises `TreeholdError` when the embedded server cannot be started."""
    if server is not None:
        with Treehold(base_url=server, key=key) as client:
            yield Session(client=client, site_url=server.rstrip("/"), embedded=False)
        return
    with _Embedded(settings, workers=workers) as host, Treehold(base_url=host.url, key=host.key) as client:
        yield Session(client=client, site_url=settings.site_url, embedded=True)


class _Embedded:
    """An embedded server on an event loop of its own thread; start, stop and join."""

    def __init__(self, settings: Settings, *, workers: bool) -> None:
        self._settings = settings
        self._workers = workers
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._ready = threading.Event()
        self._host: Host | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="treehold server")

    def __enter__(self) -> Host:
        self._thread.start()
        self._ready.wait()
        if self._host is None:
            self._thread.join()
            assert self._error is not None, "it is ready with a host or with an error"
            raise self._error
        return self._host

    def __exit__(self, *exception: object) -> None:
        if self._loop is not None and self._stopping is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        async with hosted(self._settings, api=True, workers=self._workers, port=0) as host:
            self._host = host
            self._ready.set()
            await self._stopping.wait()
