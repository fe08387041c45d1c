"""A client to a server: the one that was named, the one that runs here, or one in this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from cli import local_server, logs
from cli.interrupts import Interrupt, Interrupted, interrupts
from core.errors import InvalidInput, WorkerFailed
from core.settings import Settings
from treehold import ConfigurationError, Retry, TransportError, Treehold

if TYPE_CHECKING:
    from cli.host import Host

SAME_PROCESS = Retry(attempts=2, reconnects=2)
"""A server in this process that does not answer has ended."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """A connected client.

    Attributes:
        interrupt: whether somebody asked to stop.
        embedded: whether the server goes away with this process.
        shared: whether it is the `treehold up` that runs on this data folder.
        log: where an embedded server writes what went wrong.
    """

    client: Treehold
    interrupt: Interrupt
    site_url: str
    embedded: bool = False
    shared: bool = False
    log: Path | None = None

    def trace_url(self, task: UUID) -> str:
        return f"{self.site_url}/tasks/{task}"

    @property
    def trace_hint(self) -> str:
        """What it takes to open that address."""
        return "  (open it with: treehold up)" if self.embedded else ""


@contextmanager
def connect(
    settings: Settings, *, server: str | None, key: str | None, workers: bool, engine: Sequence[str] = ()
) -> Generator[Session]:
    """For the main thread: signals wait until the session ends, unless they are answered.

    Args:
        settings: of an engine in this process, where one is needed.
        server: the address that was given.
        key: for that server.
        workers: whether an engine in this process has to advance agents.
        engine: options that were given and that only an engine in this process can follow.

    Raises:
        InvalidInput: `engine` was given, and a server answers.
        TreeholdError: the embedded server cannot be started, or ended before its time.
        Interrupted: somebody asked to stop before it was.
        KeyboardInterrupt: somebody asked twice; what still stops in the background ends with the process.
    """
    log = logs.to_file(settings.data_dir)
    with interrupts() as interrupt:
        running = None if server is not None else local_server.found(settings)
        if server is not None:
            _refuse(engine, "the server chooses the model")
            with _client(server, key) as client:
                yield Session(client=client, interrupt=interrupt, site_url=server.rstrip("/"))
        elif running is not None:
            _refuse(engine, f"treehold up runs on this data folder at {running.url} and chooses the model")
            with Treehold(base_url=running.url, key=running.key) as client:
                yield Session(client=client, interrupt=interrupt, site_url=running.url, shared=True)
        else:
            with _embedded(settings, interrupt, workers=workers) as client:
                yield Session(
                    client=client, interrupt=interrupt, site_url=settings.site_url, embedded=True, log=log
                )


def _refuse(engine: Sequence[str], why: str) -> None:
    if engine:
        raise InvalidInput(f"{why}; leave out {', '.join(engine)}")


def _client(server: str, key: str | None) -> Treehold:
    if not key:
        raise ConfigurationError(f"{server} wants an API key: give it with --key, or set TREEHOLD_KEY")
    return Treehold(base_url=server, key=key)


@contextmanager
def _embedded(settings: Settings, interrupt: Interrupt, *, workers: bool) -> Generator[Treehold]:
    embedded = _Embedded(settings, workers=workers)
    host = embedded.start()
    patient = True
    try:
        if interrupt.asked:
            raise Interrupted
        with Treehold(base_url=host.url, key=host.key, retry=SAME_PROCESS) as client:
            yield client
    except KeyboardInterrupt:
        patient = False
        raise
    except TransportError:
        if isinstance(embedded.error, WorkerFailed):
            later = "the task goes on with the next treehold up"
            raise WorkerFailed(f"{embedded.error.message}; {later}") from embedded.error
        if embedded.error is not None:
            raise embedded.error from None
        raise
    finally:
        if patient:
            embedded.stop()


class _Embedded:
    """An embedded server on an event loop of its own thread; start, stop and join.

    Attributes:
        error: what ended it, if that was not `stop`.
    """

    def __init__(self, settings: Settings, *, workers: bool) -> None:
        self.error: BaseException | None = None
        self._settings = settings
        self._workers = workers
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._stopped = False
        self._ready = threading.Event()
        self._host: Host | None = None
        self._thread = threading.Thread(target=self._main, name="treehold server")

    def start(self) -> Host:
        """Raises whatever kept it from starting; nothing is left behind then."""
        self._thread.start()
        self._ready.wait()
        if self._host is None:
            self._thread.join()
            assert self.error is not None, "it is ready with a host or with an error"
            raise self.error
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
            self.error = error
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
            stopping = asyncio.create_task(self._stopping.wait())
            ending = asyncio.create_task(host.wait())
            await asyncio.wait({stopping, ending}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not ending.done():
                ending.cancel()
            # Before the server stops: its client must find the reason when it loses the connection.
            elif (error := ending.exception()) is not None:
                self.error = error
