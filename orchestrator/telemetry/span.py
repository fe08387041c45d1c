"""Spans and the events they are made from, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

Attribute = str | bool | int | float | tuple[str, ...]
Attributes = Mapping[str, Attribute]


@dataclass(frozen=True, kw_only=True)
class Happening:
    """An event as the exporter reads it.

    Attributes:
        node: of an agent that is spawned, the step of the plan it works on.
        request: what a call that has ended was asked, where contents are told.
        outcome: what came of it.
    """

    seq: int
    at: datetime
    kind: str
    agent: UUID | None
    data: Mapping[str, Any]
    node: UUID | None = None
    request: Any = None
    outcome: Any = None


@dataclass(frozen=True, kw_only=True)
class Moment:
    """Something that happened during a span."""

    name: str
    at: datetime
    attributes: Attributes = field(default_factory=dict[str, Attribute])


@dataclass(frozen=True, kw_only=True)
class Span:
    """A span that has ended. Ids are lower-case hex; `error` is a code, where it ended in one."""

    name: str
    trace: str
    id: str
    parent: str | None
    start: datetime
    end: datetime
    attributes: Attributes
    moments: tuple[Moment, ...] = ()
    error: str | None = None
    remote: bool = False
    """Whether it tells of a request to another process."""
    called: bool = False
    """Whether its parent is a caller's span."""
