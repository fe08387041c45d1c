"""Ids that the running code works on, for its log records."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_bound: ContextVar[Mapping[str, str]] = ContextVar("treehold_bound", default={})  # noqa: B039 - never changed


def bindings() -> Mapping[str, str]:
    return _bound.get()


@contextmanager
def bound(**ids: object) -> Generator[None]:
    """Beside what is bound already."""
    token = _bound.set({**_bound.get(), **{name: str(value) for name, value in ids.items()}})
    try:
        yield
    finally:
        _bound.reset(token)
