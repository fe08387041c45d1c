"""Command lines as processes: what they wait for, how they end, what they leave behind."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import host
from cli.interrupts import interrupts
from core.errors import WorkerFailed
from tests.acceptance.cli.conftest import SECONDS, Command, Finished, Server, start
from tests.acceptance.cli.folders import FACTS, filled

GOAL = "What is the lighthouse keeper called?"


def processes_of(folder: str) -> list[str]:
    """Command lines of all processes that name the folder."""
    found: list[str] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if folder in line:
            found.append(line)
    return found


def wait_until_gone(folder: str) -> list[str]:
    end = time.monotonic() + SECONDS / 2
    while (left := processes_of(folder)) and time.monotonic() < end:
        time.sleep(0.1)
    return left


def run(environment: dict[str, str], *arguments: str) -> Finished:
    with start(environment, *arguments) as running:
        out, err = running.communicate(timeout=SECONDS)
    return Finished(status=running.returncode, out=out, err=err)


def interrupted(environment: dict[str, str], folder: Path, ending: signal.Signals) -> tuple[Finished, float]:
    """A run that a signal meets when its root agent is born, and how many seconds it took to end then."""
    with start(environment, "run", GOAL, "--files", str(folder)) as running:
        assert running.stderr is not None
        assert running.stderr.readline().startswith("submitted with ")
        assert running.stderr.readline() == "a lead agent takes the task\n"
        os.killpg(running.pid, ending)
        since = time.monotonic()
        out, err = running.communicate(timeout=SECONDS)
    return Finished(status=running.returncode, out=out, err=err), time.monotonic() - since


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_cancels_its_task_and_leaves_nothing_behind(
    alone: dict[str, str], tmp_path: Path, ending: signal.Signals
) -> None:
    finished, seconds = interrupted(alone, filled(tmp_path / "given", *FACTS), ending)
    assert finished.status == 130
    assert "treehold: stopping... (Ctrl-C again to leave at once)\n" in finished.err
    assert "Traceback" not in finished.err
    found = re.search(r"interrupted; task (\S+) is cancelled\n", finished.err)
    assert found is not None, finished.err
    assert seconds < 10
    assert wait_until_gone(alone["TREEHOLD_DATA_DIR"]) == []
    shown = run(alone, "show", found[1], "--json")
    assert shown.json["status"] == "cancelled"


def test_whoever_asks_twice_is_gone_at_once_and_leaves_nothing_behind(
    alone: dict[str, str], tmp_path: Path
) -> None:
    with start(alone, "run", GOAL, "--files", str(filled(tmp_path / "given", *FACTS))) as running:
        assert running.stderr is not None
        while "is sent out" not in running.stderr.readline():
            pass
        running.send_signal(signal.SIGINT)
        while "stopping..." not in running.stderr.readline():
            pass
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=SECONDS)
    assert (running.returncode, out) == (130, "")
    assert err == "treehold: interrupted\n"
    assert wait_until_gone(alone["TREEHOLD_DATA_DIR"]) == []


def test_an_interrupt_while_modules_are_imported_is_no_traceback(
    alone: dict[str, str], tmp_path: Path
) -> None:
    with start(alone, "run", GOAL, "--files", str(filled(tmp_path / "given", FACTS[0]))) as running:
        maps = Path(f"/proc/{running.pid}/maps")
        while "pydantic_core" not in maps.read_text():
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=SECONDS)
    assert (running.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert wait_until_gone(alone["TREEHOLD_DATA_DIR"]) == []


def test_without_a_terminal_a_run_asks_nothing_and_can_be_looked_at_later(
    alone: dict[str, str], tmp_path: Path
) -> None:
    finished = run(alone, "run", GOAL, "--files", str(filled(tmp_path / "given", FACTS[0])), "--json")
    assert (finished.status, finished.err) == (0, "")
    task = finished.json["task_id"]
    listed = run(alone, "tasks")
    assert task in listed.out.split()
    assert GOAL in listed.out
    assert json.loads(run(alone, "tasks", "--json").out)[0]["id"] == task
    shown = run(alone, "show", task)
    assert "Mor Finch" in shown.out
    assert "keeper.md:5" in shown.out
    assert "offline model" in shown.out
    cancelled = run(alone, "cancel", task)
    assert (cancelled.status, cancelled.out) == (1, "")
    assert cancelled.err == f"treehold: there is nothing to stop: task {task} is already done\n"
    examined = run(alone, "doctor", "--json")
    assert examined.status == 0
    assert all(part["ok"] for part in json.loads(examined.out))


def test_two_runs_at_once_share_a_data_folder(alone: dict[str, str], tmp_path: Path) -> None:
    folder = filled(tmp_path / "given", *FACTS[:3])
    arguments = ("run", GOAL, "--files", str(folder), "--json")
    with start(alone, *arguments) as first, start(alone, *arguments) as second:
        for running in (first, second):
            out, err = running.communicate(timeout=SECONDS)
            assert (running.returncode, err) == (0, "")
            assert "Mor Finch" in json.loads(out)["answer"]


def test_commands_use_the_server_that_runs_on_their_data_folder(
    treehold: Command, server: Server, tmp_path: Path
) -> None:
    folder = filled(tmp_path / "given", FACTS[0])
    finished = treehold("run", GOAL, "--files", str(folder), "--json")
    assert (finished.status, finished.err) == (0, "")
    assert finished.json["trace_url"] == f"{server.url}/tasks/{finished.json['task_id']}"
    place = ("--server", server.url, "--key", server.key)
    assert treehold("show", finished.json["task_id"], *place).status == 0
    shown = treehold("show", finished.json["task_id"])
    assert f"trace: {server.url}/tasks/" in shown.out
    assert "treehold up" not in shown.out


def test_a_worker_that_ends_ends_its_run_with_the_error(
    treehold: Command, alone: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_worker_factory", dying_workers)
    folder = filled(tmp_path / "given", FACTS[0])
    data = alone["TREEHOLD_DATA_DIR"]
    finished = treehold("run", GOAL, "--files", str(folder), "--data", data)
    assert (finished.status, finished.out) == (1, "")
    last = finished.err.splitlines()[-1]
    assert last == "treehold: the worker's relay ended: no space; the task goes on with the next treehold up"


def test_a_server_whose_worker_ends_does_not_go_on_without(
    treehold: Command, alone: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "_worker_factory", dying_workers)
    for command in (["up", "--port", "0"], ["worker"]):
        finished = treehold(*command, "--data", alone["TREEHOLD_DATA_DIR"])
        assert finished.status == 1
        assert finished.err.splitlines()[-1] == "treehold: the worker's relay ended: no space"


def dying_workers() -> Callable[..., DyingWorker]:
    return lambda *_: DyingWorker()  # pyright: ignore[reportUnknownLambdaType] - whatever it is given


class DyingWorker:
    async def start(self) -> None: ...

    async def wait(self) -> None:
        await asyncio.sleep(0.5)
        raise WorkerFailed("the worker's relay ended: no space")

    async def stop(self) -> None: ...


def test_a_reader_that_goes_away_is_no_traceback(process: Command, server: Server) -> None:
    finished = process("tasks", "--server", server.url, "--key", server.key)
    assert finished.status == 0
    with start({**os.environ}, "tasks", "--server", server.url, "--key", server.key) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        err = running.stderr.read()
    assert "Traceback" not in err


@pytest.mark.parametrize("columns", [80, 100, 140])
def test_ids_are_whole_at_any_width(
    treehold: Command, server: Server, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("FORCE_COLOR", "1")
    place = ("--server", server.url, "--key", server.key)
    ids = [task["id"] for task in json.loads(treehold("tasks", "--json", *place).out)]
    assert ids
    shown = treehold("tasks", *place).out
    assert all(task in shown for task in ids)
    assert all(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) <= columns for line in shown.splitlines())


def test_whoever_asks_twice_is_not_made_to_wait() -> None:
    answered = threading.Event()
    with interrupts() as interrupt:
        interrupt.answer_with(answered.set)
        signal.raise_signal(signal.SIGINT)
        assert answered.wait(SECONDS)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert interrupt.asked
