"""An HTTP server inside an event loop that someone else owns."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator
from dataclasses import dataclass

from fastapi import FastAPI
from uvicorn import Config, Server

from core.errors import ConfigurationError

GRACE_SECONDS = 5
BACKLOG = 2048
STALL_MILLISECONDS = 60_000
"""A client that takes nothing of what is sent for this long is cut off, where the system can do that."""


class _Server(Server):
    """Leaves signals to the loop's owner, tells when it accepts, and ends event streams when it stops."""

    def __init__(self, config: Config, closing: asyncio.Event) -> None:
        super().__init__(config)
        self.accepting = asyncio.Event()
        self._closing = closing

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.accepting.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._closing.set()
        await super().shutdown(sockets)


@dataclass(frozen=True, kw_only=True)
class RunningServer:
    """Its owner must `stop` it.

    Attributes:
        url: where it is reached from this machine.
    """

    host: str
    port: int
    url: str
    server: _Server
    serving: asyncio.Task[None]

    async def wait(self) -> None:
        """Returns when the server has stopped; raises what made it fail."""
        await asyncio.shield(self.serving)

    async def stop(self) -> None:
        """Stop accepting, end event streams, let other requests finish, and return when all is closed."""
        self.server.should_exit = True
        await asyncio.gather(self.serving, return_exceptions=True)


async def serve(app: FastAPI, *, host: str, port: int) -> RunningServer:
    """Serve until stopped; returns when connections are accepted. Port 0 takes a free one.

    Raises:
        ConfigurationError: the address cannot be had.
    """
    listener = _bind(host, port)
    address: tuple[str, int] = listener.getsockname()[:2]
    config = Config(
        app,
        host=host,
        port=address[1],
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    closing: asyncio.Event = getattr(app.state, "closing", None) or asyncio.Event()
    server = _Server(config, closing)
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="http server")
    accepting = asyncio.create_task(server.accepting.wait())
    try:
        await asyncio.wait({serving, accepting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        accepting.cancel()
    if serving.done():
        serving.result()
    return RunningServer(host=address[0], port=address[1], url=_url(*address), server=server, serving=serving)


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigurationError(f"cannot listen on {host}, port {port}: {error.strerror}") from error
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALL_MILLISECONDS)
    return listener


def _url(host: str, port: int) -> str:
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared with, never bound
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"  # noqa: S104 - as above
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
