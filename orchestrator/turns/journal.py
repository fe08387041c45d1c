"""The journal (law 3): every call has a row before it is made, and an outcome that a repeated turn reuses."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal, cast

from pydantic import JsonValue

from core.database import Database, Row, UnitOfWork, jsonb, queries
from core.errors import STOPPED, AgentFailed, BudgetExhausted
from core.events import Event, EventKind
from core.grant import Unit
from core.ids import AgentId, CallId, derived
from core.signals import LeaseLost, Paused
from orchestrator.turns import budget
from orchestrator.turns.lease import Lease, fenced
from tools.contract import Effect

SQL = queries.load(__file__, "journal.sql")

CallKind = Literal["model", "tool", "recall", "step"]
CallState = Literal["done", "failed", "unknown"]

_EXHAUSTED = "exhausted"
"""Marks the outcome of a call that the grant did not cover, and names the unit."""

SecondsLeft = Callable[[], float | None]
"""Until the task's deadline; asked only for calls that are really made. Raises `BudgetExhausted` past it."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One call as it is about to be made.

    Attributes:
        position: counts the calls of an agent's whole life.
        reserve: what is held until the call is concluded.
        covered: what the grant must have left for the call to be made, where that is more.
        noted: what else the row shall say of the request; it does not tell one call from another.
        keep: what it must have left besides, for what comes after the call.
    """

    position: int
    kind: CallKind
    name: str
    effect: Effect
    request: Mapping[str, Any]
    reserve: budget.Amounts = field(default_factory=dict[Any, int])
    covered: budget.Amounts = field(default_factory=dict[Any, int])
    noted: Mapping[str, JsonValue] = field(default_factory=dict[str, JsonValue])
    keep: budget.Amounts = field(default_factory=dict[Any, int])

    def needs(self, unit: Unit) -> int:
        return max(self.reserve[unit], self.covered.get(unit, 0)) + self.keep.get(unit, 0)


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """What the journal already holds for a position.

    Attributes:
        usage: what the call was settled at, as the trace shows it.
        attempts: counts one that is made now, too; an unsafe call is not made again without `again`.
        replayed: whether it stands for a call of the task this one was forked from. Where its state is
            `intent`, that call may have had its effect, and may not be made here.
    """

    state: CallState | Literal["intent"]
    outcome: JsonValue
    usage: Mapping[str, int]
    reserved: budget.Amounts
    attempts: int
    replayed: bool


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """A call's outcome, still to be written: columns, and the events that tell of it."""

    call: CallId
    columns: Row
    events: Sequence[Event]

    def all(self) -> Row:
        return self.columns | told_columns(self.events)

    def done(self) -> Row:
        """As a statement takes it that writes something else too, and all events at its end."""
        columns = self.columns | {"id": self.call, "events": len(self.events)}
        return {f"done_{name}": value for name, value in columns.items()}


class Journal:
    """The journal of one turn; all its writes carry the fence.

    The outcome of a call that may be repeated waits for the turn's next write, and is written with it: the
    next call's intent, as a rule, or the turn's closing. What is between is the agent's graph, which waits
    for nothing.

    Args:
        database: where it is kept.
        lease: of the turn.
        source: in a fork, the agent whose journal holds the calls that are not made again.
    """

    def __init__(self, database: Database, lease: Lease, source: AgentId | None = None) -> None:
        self._database = database
        self._source = source
        self._waiting: Conclusion | None = None
        self.lease = lease

    def call_id(self, position: int) -> CallId:
        return call_id(self.lease.agent, position)

    def event(self, kind: EventKind, **data: JsonValue) -> Event:
        return Event(task=self.lease.task, agent=self.lease.agent, kind=kind, data=data)

    async def begin(self, entry: Entry, started: Event | None = None) -> Recorded | None:
        """Write the intent and hold its reservation, unless the call was begun before.

        Returns:
            What an earlier turn or a fork's source recorded, or None when the call is new. State `intent`
            means that a worker died with the call in flight.

        Raises:
            BudgetExhausted: the grant does not cover the reservation, or did not when this was asked first:
                what a call needs is estimated, and may look smaller to another process.
            Paused: the call is new, and the task is paused.
            AgentFailed: the agent, run again, asks something else at this position; or the fork's source was
                stopped here (`stopped`).
        """
        row = await self._begun(entry, started)
        assert row is not None, "the function always answers"
        self._waiting = None
        match row["verdict"]:
            case "new":
                return None
            case "recorded":
                _raise_exhausted(row["outcome"])
                return Recorded(
                    state=row["state"],
                    outcome=row["outcome"],
                    usage=row["usage"] or {},
                    reserved=row["reserved"],
                    attempts=row["attempts"],
                    replayed=row["replayed"],
                )
            case "exhausted":
                raise await self._exhausted(row["lacking"], entry)
            case "lease_lost":
                raise LeaseLost(self.lease.agent)
            case "paused":
                raise Paused(self.lease.task)
            case verdict:
                raise refused(verdict, entry.position)

    async def _begun(self, entry: Entry, started: Event | None) -> Row | None:
        columns = self._columns(entry)
        if self._waiting is None:
            return await self._database.call(SQL.begin, columns | _event(started))
        told = [*self._waiting.events, *([] if started is None else [started])]
        return await self._database.call(SQL.proceed, columns | self._waiting.done() | told_columns(told))

    async def _exhausted(self, unit: Unit, entry: Entry) -> BudgetExhausted:
        """Kept in the journal: a repeated turn must do what this one does instead."""
        async with self.fenced() as work:
            error = await budget.exhausted(work, self.lease.agent, unit, entry.needs(unit))
            refused = self.event("budget.refused", name=entry.name, limit=unit, message=error.message)
            outcome = jsonb({_EXHAUSTED: unit, "message": error.message})
            await work.execute(SQL.exhausted, self._columns(entry) | {"outcome": outcome} | _event(refused))
        return error

    async def follow(self, entry: Entry, started: Event) -> bool:
        """Take a call from a fork's source, if it is there; `begin` finds it then.

        Also true where the source was stopped: `begin` says so, and nobody needs to be asked before.
        """
        if self._source is None:
            return False
        await self.flush()
        row = await self._database.call(SQL.follow, self._columns(entry) | _event(started))
        return row is not None and row["followed"]

    async def again(self, entry: Entry) -> None:
        """Say that an unsafe call which was in flight is made once more, before it is."""
        async with self.fenced() as work:
            await work.execute(
                SQL.again,
                {"agent": self.lease.agent, "position": entry.position, "fence": self.lease.fence},
            )

    async def hold_more(
        self, entry: Entry, amounts: budget.Amounts, event: Event, *, attempts: int = 1
    ) -> Entry:
        """Enlarge the reservation of a call in flight, for that many further attempts.

        Returns:
            The entry with what is held now; `conclude` it instead of the first.

        Raises:
            BudgetExhausted: the grant does not cover it.
        """
        held = {unit: entry.reserve.get(unit, 0) + amount for unit, amount in amounts.items()}
        async with self.fenced() as work:
            await budget.reserve(work, self.lease.agent, amounts, keep=entry.keep)
            await work.execute(
                SQL.hold_more,
                {
                    "agent": self.lease.agent,
                    "position": entry.position,
                    "reserved": jsonb(held),
                    "attempts": attempts,
                },
            )
            work.emit(event)
        return replace(entry, reserve=held)

    @asynccontextmanager
    async def fenced(self) -> AsyncGenerator[UnitOfWork]:
        """A unit of work that only the lease's holder can commit, with the last outcome in it.

        Raises:
            LeaseLost: before anything is written.
        """
        if self._waiting is None:
            async with fenced(self._database, self.lease) as work:
                yield work
            return
        async with self._database.unit_of_work(self.lease.tenant) as work:
            await self.settle(work)  # which asks for the lease, too
            yield work
        self._waiting = None

    @property
    def waiting(self) -> Conclusion | None:
        """The outcome that is still to be written."""
        return self._waiting

    async def settle(self, work: UnitOfWork) -> None:
        """Write what waits, as a part of what the turn writes now."""
        if self._waiting is not None:
            columns = self._waiting.columns | self._whose() | told_columns([])
            self._held(await work.fetch_one(SQL.conclude, columns))
            work.emit_first(self._waiting.call, self._waiting.events)

    async def flush(self) -> None:
        """Write what waits by itself: for whoever writes without this journal, or no more."""
        if self._waiting is not None:
            await self._write(self._waiting)
            self._waiting = None

    async def conclude(
        self,
        entry: Entry,
        *,
        state: CallState,
        outcome: JsonValue,
        used: budget.Amounts,
        usage: Mapping[str, int] | None = None,
        events: Sequence[Event] = (),
        rows: Sequence[tuple[bytes, Row]] = (),
        also: Callable[[UnitOfWork], Awaitable[None]] | None = None,
    ) -> None:
        """Record the outcome, settle the reservation, and write what belongs to it, all at once.

        Where nothing else belongs to it and the call may be repeated, it waits for the next write.
        """
        conclusion = Conclusion(
            call=self.call_id(entry.position),
            columns=self._conclusion(entry, state, outcome, used, usage or {}),
            events=events,
        )
        if rows or also is not None:
            async with self._database.unit_of_work(self.lease.tenant) as work:
                for query, row in rows:
                    await work.execute(query, row)
                if also is not None:
                    await also(work)
                self._held(await work.fetch_one(SQL.conclude, conclusion.all() | self._whose()))
            return
        if entry.effect == "pure":
            self._waiting = conclusion
        else:
            await self._write(conclusion)

    async def _write(self, conclusion: Conclusion) -> None:
        self._held(await self._database.call(SQL.conclude, conclusion.all() | self._whose()))

    def _held(self, row: Row | None) -> None:
        if row is None or not row["held"]:
            raise LeaseLost(self.lease.agent)

    def _conclusion(
        self,
        entry: Entry,
        state: CallState,
        outcome: JsonValue,
        used: budget.Amounts,
        usage: Mapping[str, int],
    ) -> Row:
        held = entry.reserve
        return {
            "position": entry.position,
            "state": state,
            "outcome": jsonb(outcome),
            "usage": jsonb(dict(usage)),
            "units": list(held),
            "reserved": list(held.values()),
            "used": [used.get(unit, amount) for unit, amount in held.items()],
        }

    def _whose(self) -> Row:
        return {
            "tenant": self.lease.tenant,
            "task": self.lease.task,
            "agent": self.lease.agent,
            "fence": self.lease.fence,
        }

    def _columns(self, entry: Entry) -> Row:
        request = jsonb(entry.request)
        return self._whose() | {
            "id": self.call_id(entry.position),
            "position": entry.position,
            "kind": entry.kind,
            "name": entry.name,
            "effect": entry.effect,
            "request": jsonb({**entry.request, **entry.noted}) if entry.noted else request,
            "request_hash": hashlib.sha256(request.encode()).digest(),
            "units": list(entry.reserve),
            "amounts": list(entry.reserve.values()),
            "covered": [entry.needs(unit) for unit in entry.reserve],
            "reserved": jsonb(dict(entry.reserve)),
            "source": self._source,
        }


def refused(verdict: str, position: int) -> AgentFailed:
    """Why the journal lets an agent go no further."""
    if verdict == STOPPED:
        return AgentFailed(
            "its step was given up here in the task that this one was forked from", code=STOPPED
        )
    if verdict == "not_recorded":
        return AgentFailed(
            f"the record of the task ends before call {position}, and a replay makes none",
            code="not_recorded",
        )
    return AgentFailed(f"call {position} differs from the one in the journal", code="journal_diverged")


def _raise_exhausted(outcome: JsonValue) -> None:
    if isinstance(outcome, dict) and _EXHAUSTED in outcome:
        raise BudgetExhausted(cast(Unit, outcome[_EXHAUSTED]), str(outcome["message"]))


@lru_cache(maxsize=1024)
def call_id(agent: AgentId, position: int) -> CallId:
    return CallId(derived(agent, "call", position))


def told_columns(events: Sequence[Event]) -> Row:
    return {"events": [event.kind for event in events], "data": [jsonb(event.data) for event in events]}


def _event(event: Event | None) -> Row:
    if event is None:
        return {"event": None, "data": None}
    return {"event": event.kind, "data": jsonb(event.data)}
