"""Real brokers for the tests, each on ports and in a folder of its own; they end with the tests."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from kombu import Connection

SHARED = ("redis", "rabbitmq")
"""Those that other processes reach."""

BROKERS = ("memory", *SHARED)

QUEUES = ("treehold.advance", "treehold.learn")
START_SECONDS = 120.0


class Server:
    """A process group that ends when this process closes a pipe, or is killed itself."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        raise NotImplementedError

    def command(self) -> str:
        """What to run in a shell, in the background."""
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    def start(self) -> None:
        """Returns when it answers, with what it had kept."""
        with (self.folder / "output.log").open("ab") as output:
            self._running = subprocess.Popen(
                ["bash", "-c", f"{self.command()}\nread -r\nkill -KILL 0"],
                env={"PATH": os.environ["PATH"], "HOME": str(self.folder), **self.environment()},
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            assert time.monotonic() < end, (self.folder / "output.log").read_text()[-2000:]
            time.sleep(0.05)

    def kill(self) -> None:
        """As `kill -9` does; its clients' connections break."""
        self._signal(signal.SIGKILL)
        assert self._running is not None
        self._running.communicate()
        self._running = None

    def stand_still(self) -> None:
        """Keeps its connections, and answers nothing."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def end(self) -> None:
        if self._running is not None:
            self.kill()

    def empty(self) -> None:
        """Forget every message."""
        with Connection(self.url) as connection:
            for queue in QUEUES:
                connection.SimpleQueue(queue).clear()

    def _answers(self) -> bool:
        with suppress(OSError, *Connection(self.url).connection_errors):
            with Connection(self.url, connect_timeout=5) as connection:
                connection.connect()
            return True
        return False

    def _signal(self, number: signal.Signals) -> None:
        assert self._running is not None, "it runs"
        os.killpg(self._running.pid, number)


class Redis(Server):
    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> str:
        server = program("REDIS_SERVER", "redis-server")
        return f"'{server}' --bind 127.0.0.1 --port {self.port} --appendonly yes &"


class RabbitMq(Server):
    """With a port mapper (epmd) of its own, lest it meets another RabbitMQ's."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._mapper = free_port()
        self._distribution = free_port()

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    def command(self) -> str:
        server = program("RABBITMQ_SERVER", "/usr/lib/rabbitmq/bin/rabbitmq-server", "rabbitmq-server")
        return f"epmd -port {self._mapper} -address 127.0.0.1 &\n'{server}' &"

    def environment(self) -> dict[str, str]:
        return {
            "ERL_EPMD_PORT": str(self._mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": "treehold-tests@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._distribution),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            # None of the machine's own settings.
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }


Kind = TypeVar("Kind", bound=Server)


@contextmanager
def running(kind: type[Kind]) -> Generator[Kind]:
    with TemporaryDirectory(prefix="treehold-broker-", ignore_cleanup_errors=True) as folder:
        server = kind(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.end()


def program(variable: str, *names: str) -> str:
    for name in (os.environ.get(variable), *names):
        if name and (path := shutil.which(name)):
            return path
    raise AssertionError(f"there is no {names[-1]}: run scripts/system-packages, or set {variable}")


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]
