"""Ctrl-C as a request. To raise in the middle of an import would leave its lock held for ever."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """A control signal: what was asked for is not going to happen, because somebody asked to stop."""


STDERR = 2


def _say() -> None:
    """Past Python's buffers: the handler may run half-way through a write. The terminal may be gone."""
    with suppress(OSError):
        os.write(STDERR, b"treehold: stopping... (Ctrl-C again to leave at once)\n")


def _quietly(answer: Callable[[], object]) -> None:
    """Whoever leaves at once takes the connection away from under the answer."""
    with suppress(Exception):
        answer()


class Interrupt:
    """Attributes: `asked`, whether somebody asked to stop."""

    def __init__(self) -> None:
        self.asked = False
        self._say: Callable[[], object] = _say
        self._answer: Callable[[], object] | None = None
        self._answering: threading.Thread | None = None

    def answer_with(self, answer: Callable[[], object]) -> None:
        """What to do when it is asked, at once if it has been; in a thread of its own, and once."""
        self._answer = answer
        if self.asked:
            self._start()

    @contextmanager
    def telling(self, say: Callable[[], object]) -> Generator[None]:
        """Meanwhile whoever asks is told by this that it was heard; it is called in the handler."""
        before, self._say = self._say, say
        try:
            yield
        finally:
            self._say = before

    def wait(self) -> None:
        """Until what was begun in answer is done."""
        if self._answering is not None:
            self._answering.join()

    def receive(self, *_: object) -> None:
        """The signals' handler. Whoever asks twice is not made to wait."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self._say()
        self._start()

    def _start(self) -> None:
        if self._answer is not None and self._answering is None:
            self._answering = threading.Thread(
                target=_quietly, args=(self._answer,), name="interrupt", daemon=True
            )
            self._answering.start()


@contextmanager
def interrupts() -> Generator[Interrupt]:
    """For the main thread. Signals that the process ignores stay ignored."""
    interrupt = Interrupt()
    found = {number: signal.getsignal(number) for number in SIGNALS}
    before = {number: handler for number, handler in found.items() if handler not in {signal.SIG_IGN, None}}
    for number in before:
        signal.signal(number, interrupt.receive)
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
