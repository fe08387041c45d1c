"""Tool calls of a turn: journal the intent, run behind the broker, journal the outcome."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Literal

from pydantic import JsonValue

from agents.ports import AgentFacts, ToolOutcome
from agents.validator import Verdict
from core.clock import Clock
from core.database import jsonb
from core.errors import BudgetExhausted, ToolError, ToolTimedOut
from core.events import Event
from core.provenance import Provenance, Trust
from core.strict_json import NotStrictJson, decode
from core.text import clipped, printable
from inference.model import ToolCall
from orchestrator.turns.artifacts import NewArtifacts
from orchestrator.turns.asking import Asking, Decided, Doubt
from orchestrator.turns.journal import Entry, Journal, SecondsLeft
from orchestrator.turns.parking import ParkedFor, Timer
from orchestrator.turns.tool_runner import ToolRunner
from tools.contract import ToolResult

_SHOWN = 200
_DEADLINE = "deadline"
_PASSED = "the task's deadline has passed"
_IN_FLIGHT = "whether the call took effect is not known"
_UNKNOWN = "a worker stopped during this call; whether it took effect is not known"
_FORKED = (
    "the task that this one was forked from had begun this call; whether it took effect is not known, and it "
    "is not made again"
)
_DENIED = "approval_denied"
NOT_VALIDATED = "not_validated"
_NOT_VALIDATED = "this call was checked against what the user said, and denied ({}); do not make it again"
_REFUSALS = frozenset({"tool_denied", "tool_input_invalid", _DENIED, NOT_VALIDATED})


class ToolCalls:
    def __init__(
        self,
        runner: ToolRunner,
        clock: Clock,
        journal: Journal,
        asking: Asking,
        facts: AgentFacts,
        seconds_left: SecondsLeft,
        *,
        workspace: str | None,
        rung: int | None,
    ) -> None:
        """`rung` is the position of the call whose timer was the last to run out."""
        self._runner = runner
        self._clock = clock
        self._journal = journal
        self._asking = asking
        self._facts = facts
        self._seconds_left = seconds_left
        self._workspace = workspace
        self._rung = rung

    async def run(
        self, position: int, call: ToolCall, *, read: Provenance, verdict: Verdict | None = None
    ) -> ToolOutcome:
        """A refusal or failure is an outcome. Raises `BudgetExhausted`, `LeaseLost`, `Paused` or `Parked`.

        Args:
            position: in the agent's life.
            call: as the model asked for it.
            read: of everything the agent has read so far; what the tool stores is no more trusted.
            verdict: of the validator, where it was asked.
        """
        entry = Entry(
            position=position,
            kind="tool",
            name=clipped(printable(call.name), 64),
            effect=self._runner.effect(call.name),
            request={"name": call.name, "arguments": call.arguments},
            reserve={"tool_calls": 1},
        )
        doubt = None if entry.effect == "pure" else await self._asking.doubt(entry, call)
        decision = await self._decided(entry, call, read, doubt)
        if decision is not None and decision.arguments is not None:
            entry = replace(entry, noted={"approved_arguments": decision.arguments})
            call = call.model_copy(update={"arguments": jsonb(decision.arguments)})
        recorded = await self._journal.begin(entry, self._started(entry, call))
        if recorded is not None and recorded.state != "intent":
            return _repeated(ToolOutcome.model_validate(recorded.outcome))
        if decision is not None and not decision.approved:
            return await self._failed(entry, _DENIED, decision.refusal())
        if verdict is not None and not verdict.allowed:
            return await self._failed(entry, NOT_VALIDATED, _NOT_VALIDATED.format(verdict.reason_code))
        if recorded is not None and recorded.replayed:
            return await self._failed(entry, "unknown_outcome", _FORKED, state="unknown")
        if recorded is not None and entry.effect == "unsafe":
            again = await self._asking.after_loss(entry, _shown(call), recorded.attempts, read)
            if not again.approved:
                return await self._failed(entry, "unknown_outcome", _unknown(again), state="unknown")
            await self._journal.again(entry)
        key = self._journal.call_id(entry.position if doubt is None else doubt.first)
        return await self._run(entry, call, read, str(key), approved=decision is not None)

    async def _decided(
        self, entry: Entry, call: ToolCall, read: Provenance, doubt: Doubt | None
    ) -> Decided | None:
        """Nobody is asked about what a fork takes from its source."""
        proposal = self._runner.proposal(call, self._facts)
        repeats = entry.effect == "unsafe" and doubt is not None
        if not repeats and proposal is None:
            return None
        if await self._journal.follow(entry, self._started(entry, call)):
            return None
        if repeats and doubt is not None:
            return await self._asking.about_repeat(entry, _shown(call), doubt, read)
        assert proposal is not None
        return await self._asking.before(entry, call, proposal, read)

    def _started(self, entry: Entry, call: ToolCall) -> Event:
        return self._journal.event(
            "tool.started",
            **self._names(entry),
            arguments=clipped(printable(call.arguments), _SHOWN),
            position=entry.position,
        )

    async def _run(
        self, entry: Entry, call: ToolCall, read: Provenance, key: str, *, approved: bool
    ) -> ToolOutcome:
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._seconds_left()):
                result = await self._runner.run(
                    call, self._facts, workspace=self._workspace, idempotency_key=key, approved=approved
                )
        except BudgetExhausted:
            await self._failed(entry, _DEADLINE, _PASSED)
            raise
        except TimeoutError as error:
            await self._cut_off(entry, _DEADLINE, _PASSED)
            raise BudgetExhausted("deadline", _PASSED) from error
        except ToolTimedOut as error:
            return await self._cut_off(entry, error.code, error.message)
        except ToolError as error:
            return await self._failed(entry, error.code, error.message)
        if entry.effect == "pure" and result.after > 0 and self._rung != entry.position:
            raise ParkedFor(
                Timer(position=entry.position, seconds=result.after, deadline=self._facts.grant.deadline)
            )
        return await self._done(entry, result, read, started)

    async def _done(self, entry: Entry, result: ToolResult, read: Provenance, started: float) -> ToolOutcome:
        lease = self._journal.lease
        provenance = Provenance(
            tenant=lease.tenant,
            trust=result.trust,
            origins=tuple(result.origins),
            task=lease.task,
            agent=lease.agent,
        )
        stored = NewArtifacts(lease)
        made = tuple(
            stored.add(
                f"{entry.position}/{index}",
                name=new.name,
                media_type=new.media_type,
                content=new.content,
                provenance=read.derive([provenance]),
            )
            for index, new in enumerate(result.artifacts)
        )
        outcome = ToolOutcome(
            ok=True, content=result.content, data=result.data, provenance=provenance, artifacts=made
        )
        finished = self._journal.event(
            "tool.finished",
            **self._names(entry),
            seconds=round(self._clock.monotonic() - started, 4),
            characters=len(result.content),
            artifact=str(made[0]) if made else None,
            tainted=provenance.tainted,
        )
        await self._journal.conclude(
            entry,
            state="done",
            outcome=outcome.model_dump(mode="json"),
            used={"tool_calls": 1},
            usage={"tool_calls": 1},
            events=[finished, *stored.events],
            rows=stored.rows,
        )
        return outcome

    async def _cut_off(self, entry: Entry, code: str, message: str) -> ToolOutcome:
        """What was in flight may have arrived, where it has effects."""
        if entry.effect == "pure":
            return await self._failed(entry, code, message)
        return await self._failed(entry, code, f"{message}; {_IN_FLIGHT}", state="unknown")

    async def _failed(
        self, entry: Entry, code: str, message: str, *, state: Literal["failed", "unknown"] = "failed"
    ) -> ToolOutcome:
        outcome = ToolOutcome(
            ok=False,
            content=f"error ({code}): {message}",
            code=code,
            provenance=Provenance(tenant=self._journal.lease.tenant, trust=Trust.PLATFORM),
        )
        event = self._journal.event(
            "tool.refused" if code in _REFUSALS else "tool.failed",
            **self._names(entry),
            code=code,
            message=clipped(message, 500),
        )
        await self._journal.conclude(
            entry,
            state=state,
            outcome=outcome.model_dump(mode="json"),
            used={"tool_calls": 1},
            usage={"tool_calls": 1},
            events=[event],
        )
        return outcome

    def _names(self, entry: Entry) -> dict[str, JsonValue]:
        return {"call": str(self._journal.call_id(entry.position)), "name": entry.name}


def _unknown(decision: Decided) -> str:
    """A person who looked may have said more than that nobody knows."""
    return _UNKNOWN if decision.note is None else f"{_UNKNOWN}. {decision.refusal()}"


def _shown(call: ToolCall) -> JsonValue:
    """The arguments for a person to read, whatever they are."""
    try:
        return decode(call.arguments or "{}")
    except NotStrictJson:
        return call.arguments


def _repeated(outcome: ToolOutcome) -> ToolOutcome:
    """As a repeated turn meets it: a passed deadline ends the turn again."""
    if outcome.code == _DEADLINE:
        raise BudgetExhausted("deadline", _PASSED)
    return outcome
