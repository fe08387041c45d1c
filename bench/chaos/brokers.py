"""Brokers of the run's own, on ports and in folders of their own, that may be killed and started again."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
from pathlib import Path
from typing import Protocol

from bench.chaos.patience import until

SECONDS = 60.0
DEBIAN = "/usr/lib/rabbitmq/bin"
"""Its RabbitMQ itself; the one on PATH becomes another user first."""


class Broker(Protocol):
    """`url` stays the same over restarts."""

    @property
    def url(self) -> str: ...

    @property
    def mortal(self) -> bool: ...

    async def start(self) -> None:
        """Start it, or again after `kill`, and wait until it answers."""
        ...

    async def kill(self) -> None: ...

    def signal(self, number: signal.Signals) -> None: ...


class Elsewhere:
    """A broker that is not ours, or lives in each worker: nothing to start or to kill."""

    mortal = False

    def __init__(self, url: str) -> None:
        self.url = url

    async def start(self) -> None:
        return

    async def kill(self) -> None:
        return

    def signal(self, number: signal.Signals) -> None:
        raise NotImplementedError(f"{number.name} to a broker that is not ours")


class _Server:
    """One that runs as a process group here, and ends with this process whatever ends that."""

    mortal = True

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.port = free_port()
        self._running: asyncio.subprocess.Process | None = None

    async def _launch(self, command: str, **environment: str) -> None:
        with (self.folder / "output.log").open("ab") as log:
            self._running = await asyncio.create_subprocess_exec(
                *("bash", "-c", f"{command} &\nread -r\nkill -KILL 0"),
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **environment},
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def signal(self, number: signal.Signals) -> None:
        if self._running is not None and self._running.returncode is None:
            os.killpg(self._running.pid, number)

    async def kill(self) -> None:
        self.signal(signal.SIGKILL)
        if self._running is not None:
            await self._running.wait()

    async def _answers(self, greeting: bytes, reply: bytes) -> None:
        async with asyncio.timeout(SECONDS):
            await until(lambda: self._says(greeting, reply))

    async def _says(self, greeting: bytes, reply: bytes) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            writer.write(greeting)
            return (await reader.read(len(reply))) == reply
        except OSError:
            return False
        finally:
            writer.close()


class Redis(_Server):
    """Keeps nothing on disk, so that a kill loses every message."""

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def start(self) -> None:
        await self._launch(
            f"'{program('redis-server')}' --port {self.port} --bind 127.0.0.1 --save '' --appendonly no "
            f"--dir '{self.folder}'"
        )
        await self._answers(b"PING\r\n", b"+PONG")


class RabbitMq(_Server):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._distribution, self._epmd = free_port(), free_port()

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    async def start(self) -> None:
        plugins = self.folder / "enabled_plugins"
        plugins.write_text("[].\n")
        # Its port mapper would else be a daemon, which outlives the process group.
        mapper = f"epmd -port {self._epmd} -address 127.0.0.1"
        await self._launch(
            f"{mapper} &\n'{program('rabbitmq-server')}'",
            RABBITMQ_NODENAME=f"chaos{self.port}@localhost",
            RABBITMQ_NODE_IP_ADDRESS="127.0.0.1",
            RABBITMQ_NODE_PORT=str(self.port),
            RABBITMQ_DIST_PORT=str(self._distribution),
            RABBITMQ_MNESIA_BASE=str(self.folder / "data"),
            RABBITMQ_LOG_BASE=str(self.folder / "log"),
            RABBITMQ_ENABLED_PLUGINS_FILE=str(plugins),
            RABBITMQ_CONFIG_FILE=str(self.folder / "none"),
            ERL_EPMD_PORT=str(self._epmd),
            ERL_EPMD_ADDRESS="127.0.0.1",
        )
        await self._answers(b"AMQP\x00\x00\x09\x01", b"\x01")


def program(name: str) -> str:
    """Raises `FileNotFoundError` with what to do."""
    found = shutil.which(name, path=f"{DEBIAN}:{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise FileNotFoundError(f"{name} is not installed: apt-get install redis-server rabbitmq-server")
    return found


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def broker(wanted: str, folder: Path) -> Broker:
    """`redis` and `rabbitmq` are started here; anything else is the URL of one elsewhere."""
    match wanted:
        case "redis":
            return Redis(folder)
        case "rabbitmq":
            return RabbitMq(folder)
        case "memory":
            return Elsewhere("memory://")
        case _:
            return Elsewhere(wanted)
