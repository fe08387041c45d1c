"""Model calls of learning, recorded before they are made: a crash repeats none with an outcome (law 3).

The task is over, and its budget with it: what learning may use is granted for each task by a setting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from pydantic import JsonValue

from core.clock import Clock
from core.database import Database, UnitOfWork, jsonb, queries
from core.errors import BudgetExhausted, InvalidInput, ModelError, TreeholdError
from core.ids import TaskId, TenantId
from core.text import clipped
from inference.model import ModelReply, ModelRequest, Usage
from inference.ports import Gateway, RetryNotice

SQL = queries.load(__file__, "learning_journal.sql")

CallKind = Literal["condense", "refine"]


@dataclass(frozen=True, kw_only=True)
class LearningCall:
    """A call about one finished task. `material` is what a reply may touch; it is recorded with the call."""

    tenant: TenantId
    task: TaskId
    kind: CallKind
    subject: UUID
    request: ModelRequest
    material: dict[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class Answered:
    """How a call ended: with a reply, or with an error's code.

    Attributes:
        told: model, tokens and error, for the event.
    """

    reply: ModelReply | None
    told: dict[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class Begun:
    """A call of an earlier try. `applied` says that all was written that follows from it."""

    request: ModelRequest
    material: dict[str, Any]
    applied: bool


class LearningJournal:
    """Asks for learning.

    Args:
        database: where calls are recorded.
        gateway: to the model.
        clock: for how long they take.
        tokens: what the calls about one task may use together; 0 asks no model.
    """

    def __init__(self, database: Database, gateway: Gateway, clock: Clock, *, tokens: int) -> None:
        self._database = database
        self._gateway = gateway
        self._clock = clock
        self._tokens = tokens

    @property
    def may_ask(self) -> bool:
        return self._tokens > 0

    async def begun(self, tenant: TenantId, task: TaskId, kind: CallKind) -> Begun | None:
        """What an earlier try recorded of this call."""
        async with self._database.unit_of_work(tenant) as work:
            row = await work.fetch_one(SQL.recorded, {"task": task, "kind": kind})
        if row is None:
            return None
        recorded: dict[str, Any] = row["request"]
        return Begun(
            request=ModelRequest.model_validate(recorded["request"]),
            material=recorded["material"],
            applied=row["applied"],
        )

    async def ask(self, call: LearningCall) -> Answered:
        """The reply, the recorded one where there is one; an error is an answer too.

        Raises:
            StorageError: Postgres failed; repeat it later.
        """
        row = {"task": call.task, "kind": call.kind}
        held = self._gateway.reservation(call.request).tokens
        async with self._database.unit_of_work(call.tenant) as work:
            recorded = await work.fetch_one(SQL.recorded, row)
            if recorded is not None and recorded["state"] != "intent":
                return _recorded(recorded["state"], recorded["outcome"], recorded["model"], recorded["usage"])
            columns = {
                **row,
                "tenant": call.tenant,
                "subject": call.subject,
                "request": jsonb({"request": call.request.canonical(), "material": call.material}),
                "held": held,
                "granted": self._tokens,
            }
            begun = await work.execute(SQL.begin if recorded is None else SQL.again, columns)
            if not begun:
                exhausted = _told(BudgetExhausted("tokens", f"the call may need {held:,} tokens"))
                await work.execute(SQL.refuse, {**columns, "outcome": jsonb(exhausted)})
                return _recorded("failed", exhausted, None, {})
            left = await work.fetch_one(SQL.left, row)
        assert left is not None, "it was just written"
        return await self._asked(call, _Meter(held=left["held"], left=left["tokens"]))

    async def _asked(self, call: LearningCall, meter: _Meter) -> Answered:
        started = self._clock.monotonic()
        try:
            reply = await self._gateway.complete(call.request, meter)
            state, outcome, model = "done", reply.model_dump(mode="json"), reply.model
        except (ModelError, BudgetExhausted, InvalidInput) as error:
            state, outcome, model = "failed", _told(error), None
        usage: dict[str, JsonValue] = {
            "prompt_tokens": meter.usage.prompt_tokens,
            "completion_tokens": meter.usage.completion_tokens,
            "cost": meter.cost,
            "offline": self._gateway.describe().offline,
            "seconds": round(self._clock.monotonic() - started, 4),
        }
        async with self._database.unit_of_work(call.tenant) as work:
            await work.execute(
                SQL.conclude,
                {
                    "task": call.task,
                    "kind": call.kind,
                    "state": state,
                    "outcome": jsonb(outcome),
                    "model": model,
                    "spent": meter.usage.total if meter.read else None,
                    "usage": jsonb(usage),
                },
            )
        return _recorded(state, outcome, model, usage)

    async def applied(self, work: UnitOfWork, task: TaskId, kind: CallKind) -> bool:
        """Take note, with what follows from a call, that it is written; whether that was not done before."""
        return await work.execute(SQL.applied, {"task": task, "kind": kind}) == 1


def _recorded(state: str, outcome: Any, model: str | None, usage: dict[str, Any]) -> Answered:
    told: dict[str, JsonValue] = {"model": model, **usage}
    if state == "done":
        return Answered(reply=ModelReply.model_validate(outcome), told=told)
    return Answered(reply=None, told=told | {"error": outcome["code"]})


def _told(error: TreeholdError) -> dict[str, JsonValue]:
    return {"code": error.code, "message": clipped(error.message, 500)}


class _Meter:
    """Follows one gateway call: refuses attempts that are not covered, counts what was billed."""

    def __init__(self, *, held: int, left: int) -> None:
        self.held = held
        self.left = left
        self.usage = Usage()
        self.cost = 0
        self.read = True

    async def retrying(self, notice: RetryNotice) -> None:
        if notice.tokens > self.left:
            raise BudgetExhausted("tokens", "what the task's learning may use does not cover another attempt")
        self.left -= notice.tokens

    async def first_token(self, seconds: float) -> None:
        """Nobody waits for it."""

    async def spent(self, usage: Usage, cost_micros: int) -> None:
        self.usage += usage
        self.cost += cost_micros
        self.read = self.read and usage.known
