"""Parking: a turn that meets a wait in the middle ends there, and is repeated once the wait is over.

No checkpoint is written and the agent's position stays: the repeated turn starts from where this one did, the
journal answers all it has answered before, and the turn goes on at the call it was parked at. Meanwhile the
agent is a row (law 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import JsonValue

from core.database import Database, UnitOfWork, jsonb, queries
from core.events import Event
from core.ids import ApprovalId
from core.signals import LeaseLost, Parked
from core.text import clipped
from orchestrator.turns.lease import Lease

SQL = queries.load(__file__, "parking.sql")

_SHOWN = 500

ApprovalKind = Literal["tool", "unknown_outcome"]
Choice = Literal["approve", "deny"]


@dataclass(frozen=True, kw_only=True)
class Timer:
    """A wait of so many seconds, for the call at a position; never longer than the deadline."""

    position: int
    seconds: float
    deadline: datetime | None


@dataclass(frozen=True, kw_only=True)
class Question:
    """An approval about to be asked for.

    Attributes:
        attempt: how often the call was begun before.
        seconds: how long somebody has time to decide; never longer than the deadline.
        fallback: what is decided when nobody does.
        deadline: in the time of the task, as all grants have it.
    """

    id: ApprovalId
    call: str
    position: int
    attempt: int
    kind: ApprovalKind
    tool: str
    arguments: JsonValue
    evidence: Mapping[str, JsonValue]
    fallback: Choice
    seconds: float
    deadline: datetime | None


class ParkedFor(Parked):
    def __init__(self, wait: Timer | Question) -> None:
        super().__init__(type(wait).__name__)
        self.wait = wait


class Parking:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def park(self, lease: Lease, wait: Timer | Question) -> None:
        """End the turn in a wait. Raises `LeaseLost` where the fence has moved on; nothing changes then."""
        async with self._database.unit_of_work(lease.tenant) as work:
            timer = wait if isinstance(wait, Timer) else None
            parked = await work.fetch_one(
                SQL.park,
                {
                    "agent": lease.agent,
                    "fence": lease.fence,
                    "on": "approval" if timer is None else "timer",
                    "position": timer and timer.position,
                    "seconds": timer and timer.seconds,
                    "deadline": timer and timer.deadline,
                },
            )
            if parked is None:
                raise LeaseLost(lease.agent)
            if isinstance(wait, Timer):
                work.emit(_waiting(lease, on="timer", until=parked["until"].isoformat()))
            else:
                await self._ask(work, lease, wait)

    async def _ask(self, work: UnitOfWork, lease: Lease, question: Question) -> None:
        made = await work.fetch_one(
            SQL.ask,
            {
                "id": question.id,
                "tenant": lease.tenant,
                "task": lease.task,
                "agent": lease.agent,
                "position": question.position,
                "attempt": question.attempt,
                "kind": question.kind,
                "tool": question.tool,
                "arguments": jsonb(question.arguments),
                "evidence": jsonb(question.evidence),
                "fallback": question.fallback,
                "seconds": question.seconds,
                "deadline": question.deadline,
            },
        )
        assert made is not None, "an agent that runs waits for no decision"
        work.emit(
            Event(
                task=lease.task,
                agent=lease.agent,
                kind="approval.requested",
                data={
                    "approval": str(question.id),
                    "call": question.call,
                    "kind": question.kind,
                    "name": question.tool,
                    "arguments": clipped(jsonb(question.arguments), _SHOWN),
                    "tainted": question.evidence.get("tainted"),
                    "expires_at": made["expires_at"].isoformat(),
                },
            )
        )
        work.emit(_waiting(lease, on="approval", approval=str(question.id)))


def _waiting(lease: Lease, **data: JsonValue) -> Event:
    return Event(task=lease.task, agent=lease.agent, kind="agent.waiting", data={**data, "children": 0})
