"""A client to a server: the one that was named, or one in this process, for as long as it is needed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli import logs
from cli.interrupts import Interrupt, Interrupted, interrupts
from core.errors import TreeholdError
from core.settings import Settings
from treehold import ConfigurationError, Treehold

if TYPE_CHECKING:
    from cli.host import Host


@dataclass(frozen=True, kw_only=True)
class Session:
    """A connected client.

    Attributes:
        interrupt: whether somebody asked to stop.
        embedded: whether the server goes away with this process.
        log: where an embedded server writes what went wrong.
    """

    client: Treehold
    interrupt: Interrupt
    site_url: str
    embedded: bool
    log: Path | None = None


@contextmanager
def connect(settings: Settings, *, server: str | None, key: str | None, workers: bool) -> Generator[Session]:
    """For the main thread: signals wait until the session ends, unless they are answered.

    Raises:
        TreeholdError: the embedded server cannot be started.
        Interrupted: somebody asked to stop before it was.
    """
    log = logs.to_file(settings.data_dir)
    with interrupts() as interrupt:
        if server is not None:
            with _client(server, key) as client:
                site_url = server.rstrip("/")
                yield Session(client=client, interrupt=interrupt, site_url=site_url, embedded=False)
            return
        with (
            _started(settings, interrupt, workers=workers) as host,
            Treehold(base_url=host.url, key=host.key) as client,
        ):
            site_url = settings.site_url
            yield Session(client=client, interrupt=interrupt, site_url=site_url, embedded=True, log=log)


@contextmanager
def _started(settings: Settings, interrupt: Interrupt, *, workers: bool) -> Generator[Host]:
    """Ctrl-C also reaches children of this process, such as an initdb: that they fail then is no error."""
    embedded = _Embedded(settings, workers=workers)
    try:
        host = embedded.start()
    except TreeholdError as error:
        if interrupt.asked:
            raise Interrupted from error
        raise
    try:
        if interrupt.asked:
            raise Interrupted
        yield host
    finally:
        embedded.stop()


def _client(server: str, key: str | None) -> Treehold:
    if not key:
        raise ConfigurationError(f"{server} wants an API key: give it with --key, or set TREEHOLD_KEY")
    return Treehold(base_url=server, key=key)


class _Embedded:
    """An embedded server on an event loop of its own thread; start, stop and join."""

    def __init__(self, settings: Settings, *, workers: bool) -> None:
        self._settings = settings
        self._workers = workers
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._stopped = False
        self._ready = threading.Event()
        self._host: Host | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="treehold server")

    def start(self) -> Host:
        """Raises whatever kept it from starting; nothing is left behind then."""
        self._thread.start()
        try:
            self._ready.wait()
        except BaseException:
            self.stop()
            raise
        if self._host is None:
            self._thread.join()
            assert self._error is not None, "it is ready with a host or with an error"
            raise self._error
        return self._host

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that asked
            self._error = error
        finally:
            with self._lock:
                self._loop = None
            self._ready.set()

    async def _serve(self) -> None:
        with self._lock:
            if self._stopped:
                return
            self._loop = asyncio.get_running_loop()
        from cli.host import hosted

        async with hosted(self._settings, api=True, workers=self._workers, port=0) as host:
            self._host = host
            self._ready.set()
            await self._stopping.wait()
