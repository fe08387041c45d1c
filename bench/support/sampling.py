"""Where wall-clock time goes on the main thread: its stack, looked at a thousand times a second."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

INTERVAL_SECONDS = 0.001

IDLE = "waiting for Postgres"
"""The event loop has nothing to run; where the model answers at once, Postgres is what it waits for."""
OTHER = "event loop and standard library"

_KNOWN = (
    ("/site-packages/psycopg", "psycopg"),
    ("/site-packages/langgraph/", "LangGraph"),
    ("/site-packages/langchain_core/", "LangGraph"),
    ("/site-packages/langsmith/", "LangGraph"),
    ("/site-packages/pydantic", "serialisation and validation"),
    ("/site-packages/jsonschema/", "serialisation and validation"),
    ("/site-packages/referencing/", "serialisation and validation"),
    ("/json/", "serialisation and validation"),
    ("/core/database/jsonb.py", "serialisation and validation"),
    ("/site-packages/celery/", "Celery"),
    ("/site-packages/kombu/", "Celery"),
    ("/bench/", "the benchmark's own model and embedder"),
)
_OURS = tuple(
    f"/{room}/" for room in ("agents", "core", "inference", "memory", "orchestrator", "tools", "workers")
)


@contextmanager
def sampled(into: Counter[str]) -> Generator[None]:
    """Count samples by component while the block runs. Main thread only."""

    def look(_: int, frame: FrameType | None) -> None:
        into[component(frame)] += 1

    before = signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, INTERVAL_SECONDS, INTERVAL_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def component(frame: FrameType | None) -> str:
    """Whose code runs: that of the innermost frame which is not the standard library's."""
    if frame is not None and frame.f_code.co_filename.endswith("selectors.py"):
        return IDLE
    while frame is not None:
        if (found := _owner(frame.f_code.co_filename)) is not None:
            return found
        frame = frame.f_back
    return OTHER


def _owner(path: str) -> str | None:
    for part, name in _KNOWN:
        if part in path:
            return name
    if "/site-packages/" not in path and "/lib/python" not in path and any(room in path for room in _OURS):
        return "Treehold's own code"
    return None
