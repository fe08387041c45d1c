"""A server in a process of its own, and command lines in this process and in others."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from cli.app import invoke

SECONDS = 60.0

MAIN = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from cli.main import main; main()"
)
"""What the installed command does; whoever runs these tests may ignore Ctrl-C, and children inherit that."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A command line that has ended."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on stdout; anything else there is an error."""
        return json.loads(self.out)


@dataclass(frozen=True, kw_only=True)
class Server:
    url: str
    key: str


Command = Callable[..., Finished]


@pytest.fixture(scope="session")
def data_folder() -> Iterator[Path]:
    """Where the server's own user can reach it when the tests run as root."""
    with TemporaryDirectory(prefix="treehold-cli-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "data"


@pytest.fixture(scope="session")
def environment(data_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A newcomer's: an empty home, no settings, no terminal."""
    home = tmp_path_factory.mktemp("home")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TREEHOLD_")}
    return kept | {"HOME": str(home), "TREEHOLD_DATA_DIR": str(data_folder), "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="session")
def server(data_folder: Path, environment: dict[str, str]) -> Iterator[Server]:
    """`treehold up`."""
    with start(environment, "up", "--port", "0") as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("Treehold is up: "), first
        yield Server(url=first.split()[-1], key=(data_folder / "api-key").read_text().strip())
        process.terminate()
        process.communicate(timeout=SECONDS)
    assert process.returncode == 0


@pytest.fixture(scope="session")
def alone(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """A newcomer with a data folder that nobody else uses."""
    with TemporaryDirectory(prefix="treehold-alone-") as folder:
        Path(folder).chmod(0o755)
        yield environment | {"TREEHOLD_DATA_DIR": f"{folder}/data", "COLUMNS": "80"}


@contextmanager
def start(environment: dict[str, str], *arguments: str) -> Generator[subprocess.Popen[str]]:
    """A command line with nobody at the keyboard, in a session of its own; it does not outlive the test."""
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


@pytest.fixture
def process(environment: dict[str, str]) -> Command:
    """Run a command line as a process."""

    def run(*arguments: str, **variables: str) -> Finished:
        with start(environment | variables, *arguments) as running:
            out, err = running.communicate(timeout=SECONDS)
        return Finished(status=running.returncode, out=out, err=err)

    return run


@pytest.fixture
def treehold(
    environment: dict[str, str], capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Command]:
    """Run a command line in this process, which saves the seconds of a start."""
    for name in [name for name in os.environ if name.startswith("TREEHOLD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TREEHOLD_DATA_DIR", environment["TREEHOLD_DATA_DIR"])
    monkeypatch.setenv("HOME", environment["HOME"])
    handlers, shown = logging.root.handlers[:], warnings.showwarning

    def run(*arguments: str, **variables: str) -> Finished:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        capfd.readouterr()
        status = invoke(list(arguments))
        captured = capfd.readouterr()
        return Finished(status=status, out=captured.out, err=captured.err)

    yield run
    logging.captureWarnings(capture=False)
    warnings.showwarning = shown
    for handler in [handler for handler in logging.root.handlers if handler not in handlers]:
        handler.close()
    logging.root.handlers[:] = handlers


@pytest.fixture
def ask(server: Server, treehold: Command) -> Command:
    """`treehold run … --json` against the server."""

    def run(goal: str, folder: Path, *options: str) -> Finished:
        place = ("--server", server.url, "--key", server.key)
        return treehold("run", goal, "--files", str(folder), "--json", *place, *options)

    return run


def one_paragraph(text: str) -> bool:
    """Whether this is what a person should see of a failure."""
    return text.startswith("treehold: ") and text.count("\n") == 1 and "Traceback" not in text
