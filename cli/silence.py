"""Noticing that nothing happens, and saying what that may mean."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from treehold import Event

PATIENCE_SECONDS = 15.0
"""How long an agent may wait for a worker before whoever watches is told."""
BUSY_PATIENCE_SECONDS = 60.0
"""How long a call of a model or a tool may take without a word; some models need that long."""

_CALLS_BEGIN = frozenset({"model.started", "tool.started", "recall.started"})
_CALLS_END = frozenset(
    {"model.finished", "model.failed", "tool.finished", "tool.failed", "tool.refused", "recall.used"}
)


class Silence:
    """Judges from a task's events what its agents wait for.

    Args:
        clock: seconds, rising.
        remedy: what to do where no worker takes the task.
    """

    def __init__(self, clock: Callable[[], float], *, remedy: str) -> None:
        self._clock = clock
        self._remedy = remedy
        self._since = clock()
        self._said = 0.0
        self._calls: set[str] = set()
        self._begun: set[UUID] = set()
        self._held: set[str] = set()

    def heard(self, event: Event) -> None:
        self._since, self._said = self._clock(), 0.0
        call = str(event.data.get("call"))
        if event.kind in _CALLS_BEGIN:
            self._calls.add(call)
        elif event.kind in _CALLS_END:
            self._calls.discard(call)
        elif event.kind == "agent.reclaimed":
            self._calls.clear()
        if event.kind in {"agent.started", "agent.resumed"} and event.agent is not None:
            self._begun.add(event.agent)
        self._hold(event)

    def _hold(self, event: Event) -> None:
        """Remember what the task waits for by somebody's will: a decision, a timer, or to be resumed."""
        match event.kind:
            case "approval.requested":
                self._held.add(str(event.data.get("approval")))
            case "approval.decided":
                self._held.discard(str(event.data.get("approval")))
            case "agent.waiting" if event.data.get("on") == "timer":
                self._held.add(str(event.agent))
            case "agent.resumed":
                self._held.discard(str(event.agent))
            case "task.paused":
                self._held.add(event.kind)
            case "task.resumed":
                self._held.discard("task.paused")
            case _:
                pass

    def due(self) -> str | None:
        """What there is to say now; once when patience ends, and again each time the silence has doubled."""
        if self._held and not self._calls:
            return None
        silent = self._clock() - self._since
        if silent < max(self._patience, 2 * self._said):
            return None
        self._said = silent
        return self._words(int(silent))

    @property
    def _patience(self) -> float:
        return BUSY_PATIENCE_SECONDS if self._calls else PATIENCE_SECONDS

    def _words(self, seconds: int) -> str:
        if self._calls:
            return (
                f"nothing has happened for {seconds} s: the model is slow, or the worker that asked is gone"
            )
        taken = "has gone on with this" if self._begun else "has taken this"
        return f"no worker {taken} for {seconds} s: {self._remedy}"
