"""Watching a task: a live tree in a terminal, lines in a pipe, and for scripts only what may be wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from cli import render
from cli.interrupts import Interrupt
from cli.sentences import Narrator, appeal
from cli.silence import Silence
from treehold import Event, Task, Tree, Treehold, TreeholdError

REFRESH_SECONDS = 0.2


class View(Protocol):
    def heard(self, event: Event) -> None:
        """Called for each event, in order."""
        ...

    def tick(self) -> None:
        """Called a few times a second, from a thread of its own."""
        ...


class Lines:
    """A line for each event that says something; where `quiet`, only silence and what a person must do."""

    def __init__(self, write: Callable[[str], object], silence: Silence, *, quiet: bool) -> None:
        self._write = write
        self._silence = silence
        self._narrator = None if quiet else Narrator()

    def heard(self, event: Event) -> None:
        self._silence.heard(event)
        sentence = None if self._narrator is None else self._narrator.sentence(event)
        for line in (sentence, appeal(event)):
            if line is not None:
                self._write(line)

    def tick(self) -> None:
        notice = self._silence.due()
        if notice is not None:
            self._write(notice)


class Screen:
    """The tree of agents over the last thing that happened. A refresh fetches it at most once.

    What a person must do is written above it, and stays.
    """

    def __init__(
        self, fetch: Callable[[], Tree], silence: Silence, *, write: Callable[[str], object] = print
    ) -> None:
        self._fetch = fetch
        self._write = write
        self._silence = silence
        self._asked = False
        self._narrator = Narrator()
        self._last = ""
        self._tree: Tree | None = None
        self._stale = True

    def heard(self, event: Event) -> None:
        self._silence.heard(event)
        self._last = self._narrator.sentence(event) or self._last
        self._stale = True
        if (told := appeal(event)) is not None:
            self._write(told)

    def tick(self) -> None:
        self._last = self._silence.due() or self._last
        if self._stale:
            self._stale = False
            try:
                self._tree = self._fetch()
            except TreeholdError:
                self._stale = True

    def stopping(self) -> None:
        self._asked = True

    def __rich__(self) -> Group:
        last = "stopping... (Ctrl-C again to leave at once)" if self._asked else self._last
        tree = [] if self._tree is None else [render.agent_tree(self._tree)]
        return Group(*tree, Text(last, style="dim", no_wrap=True, overflow="ellipsis"))


def watch(client: Treehold, task: Task[Any], interrupt: Interrupt, *, remedy: str, quiet: bool) -> Tree:
    """Follow the task to its end."""
    console = Console(stderr=True)
    silence = Silence(time.monotonic, remedy=remedy)

    def write(line: str) -> None:
        console.print(line, markup=False, highlight=False, soft_wrap=True)

    if quiet or not console.is_terminal:
        _follow(client, task, Lines(write, silence, quiet=quiet))
        return client.tree(task)
    screen = Screen(lambda: client.tree(task), silence, write=write)
    with (
        Live(screen, console=console, refresh_per_second=1 / REFRESH_SECONDS, transient=True),
        interrupt.telling(screen.stopping),
    ):
        _follow(client, task, screen)
    return client.tree(task)


def _follow(client: Treehold, task: Task[Any], view: View) -> None:
    with _ticking(view.tick):
        for event in client.stream(task):
            view.heard(event)


@contextmanager
def _ticking(tick: Callable[[], None]) -> Generator[None]:
    done = threading.Event()

    def run() -> None:
        while not done.wait(REFRESH_SECONDS):
            tick()

    thread = threading.Thread(target=run, name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
