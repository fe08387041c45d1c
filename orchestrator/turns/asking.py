"""Approvals as a turn meets them: what has been decided about a call, or else the question to park on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from agents.ports import AgentFacts
from core.blocks import block
from core.database import Database, Row, queries
from core.errors import BudgetExhausted
from core.ids import ApprovalId, derived
from core.provenance import Provenance, Trust
from core.text import clipped
from inference.model import ToolCall
from orchestrator.turns.journal import Entry, Journal, SecondsLeft
from orchestrator.turns.parking import ApprovalKind, Choice, ParkedFor, Question
from orchestrator.turns.tool_runner import Proposal

SQL = queries.load(__file__, "asking.sql")

_MOST_ORIGINS = 20
_MOST_SHOWN = 50
_SHOWN = 500
_MOST_PLACES = 3
_FIRST = 0
"""The attempt before a call is begun."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How long somebody has to decide, and what stands where nobody does."""

    seconds: float
    fallback: Choice


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What stands about a call.

    Attributes:
        arguments: what a person wrote in place of the agent's.
        note: what the person said to it.
        expired: whether nobody decided.
    """

    approved: bool
    arguments: JsonValue = None
    note: str | None = None
    expired: bool = False

    def refusal(self) -> str:
        """For the agent; the note cannot be taken for the platform's words."""
        if self.expired:
            return "nobody approved this call in time; do not make it again"
        said = "" if self.note is None else f". What they said:\n{block('note', self.note, Trust.USER)}"
        return f"a person did not approve this call; do not make it again{said}"


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """Earlier calls of the agent, with the same arguments, of which nobody knows whether they took effect.

    Attributes:
        first: position of the first of them.
        times: how many there are.
        begun_at: when the last of them was begun.
        denied: whether a person has said since that it shall not be made again.
    """

    first: int
    times: int
    begun_at: datetime
    denied: bool


class Asking:
    def __init__(
        self,
        database: Database,
        journal: Journal,
        facts: AgentFacts,
        policy: Policy,
        seconds_left: SecondsLeft,
    ) -> None:
        self._database = database
        self._journal = journal
        self._facts = facts
        self._policy = policy
        self._seconds_left = seconds_left

    async def before(
        self, entry: Entry, call: ToolCall, proposal: Proposal, read: Provenance
    ) -> Decided | None:
        """What a person decided about a call, before it is made; None where it was begun without asking.

        Raises:
            ParkedFor: nobody was asked yet.
            BudgetExhausted: nobody could answer in time.
        """
        found = await self._standing(entry, _FIRST)
        if (decision := _decision(found)) is not None or found["begun_at"] is not None:
            return decision
        self._seconds_left()
        evidence = await self._evidence(entry, proposal)
        raise self._question(entry, _FIRST, "tool", proposal.arguments, evidence, read, self._policy.fallback)

    async def doubt(self, entry: Entry, call: ToolCall) -> Doubt | None:
        """What is not known of earlier calls like this one."""
        asked = {
            "agent": self._journal.lease.agent,
            "position": entry.position,
            "name": call.name,
            "arguments": call.arguments,
        }
        async with self._database.unit_of_work(self._journal.lease.tenant) as work:
            row = await work.fetch_one(SQL.doubt, asked)
        return None if row is None or row["first"] is None else Doubt(**row)

    async def about_repeat(
        self, entry: Entry, arguments: JsonValue, doubt: Doubt, read: Provenance
    ) -> Decided | None:
        """What a person decided about an unsafe call that may have taken effect; None where it was begun.

        Raises:
            ParkedFor: nobody was asked yet.
            BudgetExhausted: nobody could answer in time.
        """
        found = await self._standing(entry, _FIRST)
        if (decision := _decision(found)) is not None or found["begun_at"] is not None:
            return decision
        if doubt.denied:
            return Decided(approved=False)
        self._seconds_left()
        evidence: dict[str, JsonValue] = {"attempts": doubt.times, "started_at": _iso(doubt.begun_at)}
        raise self._question(entry, _FIRST, "unknown_outcome", arguments, evidence, read, "deny")

    async def after_loss(
        self, entry: Entry, arguments: JsonValue, attempts: int, read: Provenance
    ) -> Decided:
        """What a person decided about an unsafe call whose worker was lost, so that nobody knows its outcome.

        Raises:
            ParkedFor: nobody was asked yet.
        """
        found = await self._standing(entry, attempts)
        if (decision := _decision(found)) is not None:
            return decision
        try:
            self._seconds_left()
        except BudgetExhausted:
            return Decided(approved=False, expired=True)
        evidence: dict[str, JsonValue] = {
            "attempts": attempts,
            "started_at": _iso(found["begun_at"]),
            "worker": found["worker"],
        }
        raise self._question(entry, attempts, "unknown_outcome", arguments, evidence, read, "deny")

    async def _evidence(self, entry: Entry, proposal: Proposal) -> dict[str, JsonValue]:
        """What goes to sinks, where from: the user, an allow-list, or what the agent has read."""
        found = await self._found_in(entry, [str(going.value) for going, _ in proposal.going])
        foreign = dict.fromkeys(going.argument for going, source in proposal.going if source is None)
        arguments: list[JsonValue] = [
            {
                "at": going.at,
                "sink": going.sink,
                "value": clipped(str(going.value), _SHOWN),
                "source": source or "unknown",
                "found_in": [*places],
            }
            for (going, source), places in zip(proposal.going[:_MOST_SHOWN], found, strict=False)
        ]
        return {"tainted_arguments": [*foreign], "arguments": arguments}

    async def _found_in(self, entry: Entry, values: Sequence[str]) -> list[list[str]]:
        """For each value, the agent's own calls whose results hold it."""
        found = [list[str]() for _ in values]
        if not values:
            return found
        await self._journal.flush()
        asked = {
            "agent": self._journal.lease.agent,
            "position": entry.position,
            "values": values,
            "most": _MOST_PLACES,
        }
        async with self._database.unit_of_work(self._journal.lease.tenant) as work:
            for row in await work.fetch_all(SQL.found_in, asked):
                found[int(row["ordinal"]) - 1].append(f"call {row['position']}: {row['name']}")
        return found

    async def _standing(self, entry: Entry, attempt: int) -> Row:
        asked = {
            "task": self._journal.lease.task,
            "agent": self._journal.lease.agent,
            "position": entry.position,
            "attempt": attempt,
        }
        async with self._database.unit_of_work(self._journal.lease.tenant) as work:
            row = await work.fetch_one(SQL.standing, asked)
        assert row is not None, "the query always has a row"
        return row

    def _question(
        self,
        entry: Entry,
        attempt: int,
        kind: ApprovalKind,
        arguments: JsonValue,
        evidence: dict[str, JsonValue],
        read: Provenance,
        fallback: Choice,
    ) -> ParkedFor:
        known: dict[str, JsonValue] = {
            "effect": entry.effect,
            "trust": read.trust.name.lower(),
            "tainted": read.tainted,
            "origins": [f"{origin.kind}:{origin.id}" for origin in read.origins[:_MOST_ORIGINS]],
        }
        return ParkedFor(
            Question(
                id=ApprovalId(derived(self._journal.lease.agent, "approval", entry.position, attempt)),
                call=str(self._journal.call_id(entry.position)),
                position=entry.position,
                attempt=attempt,
                kind=kind,
                tool=entry.name,
                arguments=arguments,
                evidence=known | evidence,
                fallback=fallback,
                seconds=self._policy.seconds,
                deadline=self._facts.grant.deadline,
            )
        )


def _decision(row: Row) -> Decided | None:
    match row["state"]:
        case "approved" | "denied":
            return Decided(approved=row["state"] == "approved", arguments=row["edited"], note=row["note"])
        case "expired":
            return Decided(approved=row["fallback"] == "approve", expired=True)
        case _:
            return None


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
