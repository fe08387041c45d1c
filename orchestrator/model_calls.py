"""Model calls of a turn: reserve, journal, ask, journal, settle."""

from __future__ import annotations

import asyncio
from typing import cast

from pydantic import JsonValue

from core.clock import Clock
from core.errors import BudgetExhausted, ModelError
from core.events import Event
from core.grant import Unit
from core.text import clipped
from inference.model import ModelReply, ModelRequest, Usage
from inference.ports import Gateway, RetryNotice
from orchestrator.journal import Entry, Journal


class ModelCalls:
    def __init__(self, gateway: Gateway, clock: Clock, journal: Journal) -> None:
        self._gateway = gateway
        self._clock = clock
        self._journal = journal

    async def ask(self, position: int, request: ModelRequest, *, seconds_left: float | None) -> ModelReply:
        """Raises `ModelError`, `BudgetExhausted` or `LeaseLost`."""
        entry = Entry(
            position=position,
            kind="model",
            name=request.kind,
            effect="pure",
            request=request.canonical(),
            reserve=self._amounts(self._gateway.estimate(request)),
        )
        recorded = await self._journal.begin(entry, self._started(entry))
        if recorded is not None and recorded.state == "done":
            return ModelReply.model_validate(recorded.outcome)
        if recorded is not None and recorded.state != "intent":
            failure = cast(dict[str, str], recorded.outcome)
            raise ModelError(failure["message"], code=failure["code"])
        observer = _Observer(self, entry)
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(seconds_left):
                reply = await self._gateway.complete(request, observer)
        except TimeoutError as error:
            await self._failed(observer, "deadline", "the task's deadline passed", started)
            raise BudgetExhausted("deadline") from error
        except (ModelError, BudgetExhausted) as error:
            await self._failed(observer, error.code, error.message, started)
            raise
        await self._done(observer, reply, started)
        return reply

    def _amounts(self, tokens: int) -> dict[Unit, int]:
        worst = Usage(prompt_tokens=0, completion_tokens=tokens)
        return {"tokens": tokens, "cost": self._gateway.price(worst)}

    def _started(self, entry: Entry) -> Event:
        return self._journal.event(
            "model.started",
            call=str(self._journal.call_id(entry.position)),
            name=entry.name,
            model=self._gateway.describe().label,
            position=entry.position,
            reserved_tokens=entry.reserve.get("tokens", 0),
        )

    async def hold_more(self, entry: Entry, notice: RetryNotice) -> Entry:
        event = self._journal.event(
            "model.retried",
            call=str(self._journal.call_id(entry.position)),
            attempt=notice.attempt,
            reason=notice.reason,
            code=notice.code,
            wait_seconds=round(notice.delay, 3),
        )
        return await self._journal.hold_more(entry, self._amounts(notice.tokens), event)

    async def _done(self, observer: _Observer, reply: ModelReply, started: float) -> None:
        entry, usage = observer.entry, reply.usage
        used: dict[Unit, int] = {"tokens": usage.total, "cost": reply.cost_micros} if usage.known else {}
        counted: dict[str, int] = {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "cached_tokens": usage.cached_tokens,
            "cost": reply.cost_micros,
        }
        finished = self._journal.event(
            "model.finished",
            call=str(self._journal.call_id(entry.position)),
            name=entry.name,
            model=reply.model,
            offline=self._gateway.describe().offline,
            **cast(dict[str, JsonValue], counted),
            seconds=round(self._clock.monotonic() - started, 4),
            finish_reason=reply.finish_reason,
            tool_calls=[clipped(call.name, 64) for call in reply.tool_calls],
            attempts=reply.attempts,
        )
        await self._journal.conclude(
            entry,
            state="done",
            outcome=reply.model_dump(mode="json"),
            used=used,
            usage=counted,
            events=[finished],
        )

    async def _failed(self, observer: _Observer, code: str, message: str, started: float) -> None:
        entry, spent = observer.entry, observer.usage
        counted = spent.known and code != "deadline"
        used: dict[Unit, int] = {"tokens": spent.total, "cost": observer.cost} if counted else {}
        failed = self._journal.event(
            "model.failed",
            call=str(self._journal.call_id(entry.position)),
            name=entry.name,
            code=code,
            message=clipped(message, 500),
            seconds=round(self._clock.monotonic() - started, 4),
        )
        await self._journal.conclude(
            entry,
            state="failed",
            outcome={"code": code, "message": message},
            used=used,
            usage={"prompt_tokens": spent.prompt_tokens, "completion_tokens": spent.completion_tokens},
            events=[failed],
        )


class _Observer:
    """Follows one gateway call: reserves for each further attempt, and counts what was billed."""

    def __init__(self, calls: ModelCalls, entry: Entry) -> None:
        self._calls = calls
        self.entry = entry
        self.usage = Usage()
        self.cost = 0

    async def retrying(self, notice: RetryNotice) -> None:
        self.entry = await self._calls.hold_more(self.entry, notice)

    async def first_token(self, seconds: float) -> None:
        """The reply carries this figure; nothing to write before it is whole."""

    async def spent(self, usage: Usage, cost_micros: int) -> None:
        self.usage = self.usage + usage
        self.cost += cost_micros
