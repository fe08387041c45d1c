"""What has begun and not ended, while a task's events are folded into spans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from orchestrator.telemetry.span import Happening, Moment


@dataclass
class Call:
    """A call in flight: of `model`, `tool` or `recall`.

    Without a `start`, a worker was lost with it, and it is about to be made again.
    """

    id: str
    kind: str
    start: datetime | None
    data: Mapping[str, Any]
    parent: str
    moments: list[Moment] = field(default_factory=list[Moment])

    @property
    def name(self) -> str:
        """Of its span."""
        match self.kind:
            case "model":
                return f"chat {self.data.get('model')}"
            case "tool":
                return f"execute_tool {self.data.get('name')}"
            case _:
                return "retrieval memory"

    def begin_again(self, at: datetime, parent: str) -> None:
        """Where a worker was lost with it: another one is at it since then."""
        if self.start is None:
            self.start, self.parent = at, parent


@dataclass
class Turn:
    started: Happening
    span: str
    last: datetime
    moments: list[Moment] = field(default_factory=list[Moment])


@dataclass
class Agent:
    spawned: Happening
    id: UUID
    span: str
    parent: str
    above: UUID | None
    first: datetime | None = None
    turn: Turn | None = None
    turns: int = 0
    ended: datetime | None = None
    calls: dict[str, Call] = field(default_factory=dict[str, Call])
    asked: dict[str, Happening] = field(default_factory=dict[str, Happening])
    settled: Counter[str] = field(default_factory=Counter[str])

    @property
    def working_span(self) -> str:
        """What its calls belong to."""
        return self.turn.span if self.turn else self.span
