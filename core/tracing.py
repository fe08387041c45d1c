"""Trace contexts (W3C Trace Context): which trace and which span something belongs to.

Ids of spans follow from ids of rows, so every process has the same ones without asking another, and what is
told twice is told under the same id.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from uuid import UUID

from core.ids import derived

_HEADER = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<span>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_SAMPLED = 0x01

HEADER = "traceparent"


@dataclass(frozen=True, kw_only=True)
class TraceContext:
    """A span as others name it: its trace and itself in lower-case hex, and whether it is recorded."""

    trace: str
    span: str
    sampled: bool = True

    @property
    def header(self) -> str:
        return f"00-{self.trace}-{self.span}-{_SAMPLED if self.sampled else 0:02x}"


def parse(header: str | None) -> TraceContext | None:
    """The context of a `traceparent` header; None for one that is malformed, which is to be ignored."""
    found = _HEADER.fullmatch((header or "").strip())
    if found is None or found["version"] == "ff" or (found["version"] == "00" and found["more"]):
        return None
    if not int(found["trace"], 16) or not int(found["span"], 16):
        return None
    return TraceContext(
        trace=found["trace"], span=found["span"], sampled=bool(int(found["flags"], 16) & _SAMPLED)
    )


def trace_of(task: UUID, caller: TraceContext | None) -> str:
    """The trace a task is told in: its caller's, or one that is named as the task."""
    return task.hex if caller is None else caller.trace


def span_of(subject: UUID, *parts: str | int) -> str:
    """The id of the span that tells of a row, or of a part of it."""
    return derived(subject, "span", *parts).hex[:16]


def context_of(task: UUID, caller: TraceContext | None, span: str) -> TraceContext:
    """A span of a task as it is named to others."""
    return TraceContext(trace=trace_of(task, caller), span=span, sampled=caller is None or caller.sampled)


_here: ContextVar[TraceContext | None] = ContextVar("treehold_trace", default=None)


def here() -> TraceContext | None:
    """What the running code belongs to, if that is known."""
    return _here.get()


def caller_header() -> str | None:
    """What a row keeps of the request that makes it."""
    outer = here()
    return None if outer is None else outer.header


def inside(span: str) -> TraceContext | None:
    """A span within what the running code belongs to."""
    outer = here()
    return None if outer is None else replace(outer, span=span)


@contextmanager
def within(context: TraceContext | None) -> Generator[None]:
    token = _here.set(context)
    try:
        yield
    finally:
        _here.reset(token)
