"""Ctrl-C as a request. To raise in the middle of an import would leave its lock held for ever."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(Exception):
    """A control signal: what was asked for is not going to happen, because somebody asked to stop."""


class Interrupt:
    """Attributes: `asked`, whether somebody asked to stop."""

    def __init__(self) -> None:
        self.asked = False
        self._answer: Callable[[], object] | None = None
        self._answering: threading.Thread | None = None

    def answer_with(self, answer: Callable[[], object]) -> None:
        """What to do when it is asked, at once if it has been; in a thread of its own, and once."""
        self._answer = answer
        if self.asked:
            self._start()

    def wait(self) -> None:
        """Until what was begun in answer is done."""
        if self._answering is not None:
            self._answering.join()

    def receive(self, *_: object) -> None:
        """The signals' handler. Whoever asks twice is not made to wait."""
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        self._start()

    def _start(self) -> None:
        if self._answer is not None and self._answering is None:
            self._answering = threading.Thread(target=self._answer, name="interrupt", daemon=True)
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
