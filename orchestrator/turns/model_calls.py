"""Model calls of a turn: reserve, journal, ask, journal, settle."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from pydantic import JsonValue

from core.clock import Clock
from core.errors import BudgetExhausted, InvalidInput, ModelError, TreeholdError
from core.events import Event
from core.grant import Unit
from core.text import clipped
from core.tracing import inside, span_of, within
from inference.model import ModelReply, ModelRequest, Usage
from inference.ports import Gateway, RetryNotice
from orchestrator.turns.journal import Entry, Journal, Recorded, SecondsLeft


class ModelCalls:
    """The model calls of one turn.

    Attributes:
        settled: what they came to so far, those taken from the journal too.
    """

    def __init__(self, gateway: Gateway, clock: Clock, journal: Journal) -> None:
        self.settled: Counter[Unit] = Counter()
        self._gateway = gateway
        self._clock = clock
        self._journal = journal

    async def ask(
        self, position: int, request: ModelRequest, *, keep: Usage, seconds_left: SecondsLeft
    ) -> ModelReply:
        """Raises `ModelError`, `BudgetExhausted` or `LeaseLost`; `keep` must be left of the grant besides."""
        reserved = self._gateway.reservation(request)
        entry = Entry(
            position=position,
            kind="model",
            name=request.kind,
            effect="pure",
            request=request.canonical(),
            reserve=self._amounts(reserved.prompt_tokens, reserved.max_tokens),
            covered=self._amounts(reserved.most_prompt_tokens, reserved.max_tokens),
            keep={"tokens": keep.total, "cost": self._gateway.price(keep)},
        )
        recorded = await self._journal.begin(entry, self._started(entry))
        if recorded is not None and recorded.state != "intent":
            self._count(recorded.usage)
        if recorded is not None and recorded.state == "done":
            return ModelReply.model_validate(recorded.outcome)
        if recorded is not None and recorded.state != "intent":
            raise _failure(cast(dict[str, Any], recorded.outcome))
        observer = _Observer(self, entry)
        if recorded is not None:
            await self._take_over(observer, recorded)
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(seconds_left()):
                with within(inside(span_of(self._journal.call_id(position)))):
                    reply = await self._gateway.complete(request, observer, reserved)
        except TimeoutError as error:
            exhausted = BudgetExhausted("deadline", "the task's deadline has passed")
            observer.read = False
            await self._failed(observer, exhausted, started)
            raise exhausted from error
        except (ModelError, BudgetExhausted, InvalidInput) as error:
            await self._failed(observer, error, started)
            raise
        await self._done(observer, reply, started)
        return reply

    async def _take_over(self, observer: _Observer, recorded: Recorded) -> None:
        """A worker died with this call in flight: what that may have used stays held, and counts whole.

        Raises:
            BudgetExhausted: the grant does not cover the call a second time.
        """
        again = observer.entry.reserve
        observer.lost = recorded.reserved
        observer.entry = replace(observer.entry, reserve=recorded.reserved)
        event = self._retried(
            observer.entry, reason="lost", code="worker_lost", attempt=recorded.attempts, wait_seconds=0.0
        )
        try:
            observer.entry = await self._journal.hold_more(observer.entry, again, event, attempts=0)
        except BudgetExhausted as error:
            await self._failed(observer, error, self._clock.monotonic())
            raise

    def _amounts(self, prompt_tokens: int, completion_tokens: int) -> dict[Unit, int]:
        usage = Usage(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)
        return {"tokens": usage.total, "cost": self._gateway.price(usage)}

    def _started(self, entry: Entry) -> Event:
        return self._journal.event(
            "model.started",
            call=str(self._journal.call_id(entry.position)),
            name=entry.name,
            model=self._gateway.describe().name,
            position=entry.position,
            reserved_tokens=entry.reserve.get("tokens", 0),
        )

    async def hold_more(self, entry: Entry, notice: RetryNotice) -> Entry:
        event = self._retried(
            entry,
            reason=notice.reason,
            code=notice.code,
            attempt=notice.attempt,
            wait_seconds=round(notice.delay, 3),
        )
        more = self._amounts(notice.needed.prompt_tokens, notice.needed.max_tokens)
        return await self._journal.hold_more(entry, more, event)

    def _retried(self, entry: Entry, **data: JsonValue) -> Event:
        return self._journal.event("model.retried", call=str(self._journal.call_id(entry.position)), **data)

    async def _done(self, observer: _Observer, reply: ModelReply, started: float) -> None:
        counted = observer.counted()
        self._count(counted)
        finished = self._journal.event(
            "model.finished",
            **self._names(observer.entry),
            model=reply.model,
            offline=self._gateway.describe().offline,
            **counted,
            estimated=not observer.read,
            seconds=round(self._clock.monotonic() - started, 4),
            finish_reason=reply.finish_reason,
            tool_calls=[clipped(call.name, 64) for call in reply.tool_calls],
            attempts=reply.attempts,
        )
        await self._journal.conclude(
            observer.entry,
            state="done",
            outcome=reply.model_dump(mode="json"),
            used=observer.used(),
            usage=counted,
            events=[finished],
        )

    async def _failed(self, observer: _Observer, error: TreeholdError, started: float) -> None:
        counted = observer.counted()
        self._count(counted)
        failed = self._journal.event(
            "model.failed",
            **self._names(observer.entry),
            code=error.code,
            message=clipped(error.message, 500),
            seconds=round(self._clock.monotonic() - started, 4),
        )
        await self._journal.conclude(
            observer.entry,
            state="failed",
            outcome=_recorded(error),
            used=observer.used(),
            usage=counted,
            events=[failed],
        )

    def _count(self, usage: Mapping[str, int]) -> None:
        self.settled["tokens"] += usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0)
        self.settled["cost"] += usage.get("cost", 0)

    def _names(self, entry: Entry) -> dict[str, Any]:
        return {"call": str(self._journal.call_id(entry.position)), "name": entry.name}


def _recorded(error: TreeholdError) -> dict[str, JsonValue]:
    limit = error.limit if isinstance(error, BudgetExhausted) else None
    return {"code": error.code, "message": error.message, "limit": limit}


def _failure(recorded: Mapping[str, Any]) -> TreeholdError:
    """The error a failed call ended in, as a repeated turn meets it again."""
    if recorded["limit"] is not None:
        return BudgetExhausted(recorded["limit"], recorded["message"])
    kind = _KINDS.get(recorded["code"], ModelError)
    return kind(recorded["message"], code=recorded["code"])


_KINDS: Mapping[str, type[TreeholdError]] = {
    kind.code: kind for kind in (InvalidInput, ModelError, *ModelError.__subclasses__())
}


class _Observer:
    """Follows one gateway call: reserves for each further attempt, and counts what was billed.

    Attributes:
        lost: what a worker that died with this call may have used.
        read: whether the node said what every part of the call used; where it did not, all that was held
            counts (law 5).
    """

    def __init__(self, calls: ModelCalls, entry: Entry) -> None:
        self._calls = calls
        self._usage = Usage()
        self._cost = 0
        self.entry = entry
        self.lost: Mapping[Unit, int] = {}
        self.read = True

    async def retrying(self, notice: RetryNotice) -> None:
        self.entry = await self._calls.hold_more(self.entry, notice)

    async def first_token(self, seconds: float) -> None:
        """The reply carries this figure; nothing to write before it is whole."""

    async def spent(self, usage: Usage, cost_micros: int) -> None:
        self._usage += usage
        self._cost += cost_micros
        self.read = self.read and usage.known

    def used(self) -> dict[Unit, int]:
        """What to settle; a unit that is missing settles at what is held."""
        if not self.read:
            return {}
        known: dict[Unit, int] = {"tokens": self._usage.total, "cost": self._cost}
        return {unit: amount + self.lost.get(unit, 0) for unit, amount in known.items()}

    def counted(self) -> dict[str, int]:
        """What the trace shows, in all as much as is settled; what is only estimated counts as prompt."""
        settled = {**self.entry.reserve, **self.used()}
        return {
            "prompt_tokens": settled["tokens"] - self._usage.completion_tokens,
            "completion_tokens": self._usage.completion_tokens,
            "cached_tokens": self._usage.cached_tokens,
            "cost": settled["cost"],
        }
