"""The validator as a turn meets it: a verdict known already, or one model call; journalled both.

Whether a verdict was known is a step of its own before the call to the model, because a repeated turn, which
finds its own verdict kept, must come by the same positions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pydantic import JsonValue

from agents import validator
from agents.ports import AgentFacts
from agents.validator import Verdict
from core.database import Database, queries
from core.errors import InvalidInput, ModelError
from inference.model import ModelReply, ModelRequest, ToolCall
from orchestrator.turns.journal import Entry, Journal
from tools.contract import ToolSpec

SQL = queries.load(__file__, "validation.sql")

Ask = Callable[[int, ModelRequest], Awaitable[ModelReply]]


class Validation:
    """Asks about commands.

    Args:
        database: where verdicts are kept.
        journal: of the turn.
        facts: of its agent.
        next_position: counts the calls of the agent's life.
        ask: asks the model, at a position.
    """

    def __init__(
        self,
        database: Database,
        journal: Journal,
        facts: AgentFacts,
        next_position: Callable[[], int],
        ask: Ask,
    ) -> None:
        self._database = database
        self._journal = journal
        self._facts = facts
        self._next = next_position
        self._ask = ask

    async def judge(self, spec: ToolSpec, call: ToolCall) -> Verdict:
        """The same however often the turn is repeated. Raises `BudgetExhausted`, `LeaseLost` or `Paused`."""
        key = validator.key(self._facts.brief, spec, call)
        position = self._next()
        entry = Entry(
            position=position, kind="step", name="validate", effect="pure", request={"key": key.hex()}
        )
        recorded = await self._journal.begin(entry)
        if recorded is not None and recorded.state == "done":
            kept = _kept(recorded.outcome)
        else:
            kept = await self._known(key)
            await self._record(entry, kept)
        return kept or await self._asked(key, position, spec, call)

    async def _asked(self, key: bytes, position: int, spec: ToolSpec, call: ToolCall) -> Verdict:
        history = await self._history(position)
        request = validator.request(self._facts.brief, spec, call, history)
        try:
            verdict = validator.read(await self._ask(self._next(), request))
        except (ModelError, InvalidInput):
            verdict = validator.UNAVAILABLE
        if verdict != validator.UNAVAILABLE:
            async with self._journal.fenced() as work:
                await work.execute(SQL.keep, self._of(key) | verdict.model_dump())
        return verdict

    async def _known(self, key: bytes) -> Verdict | None:
        async with self._database.unit_of_work(self._journal.lease.tenant) as work:
            row = await work.fetch_one(SQL.known, self._of(key))
        return None if row is None else Verdict.model_validate(dict(row))

    def _of(self, key: bytes) -> dict[str, object]:
        return {"tenant": self._journal.lease.tenant, "key": key}

    async def _record(self, entry: Entry, kept: Verdict | None) -> None:
        outcome: JsonValue = {"verdict": None if kept is None else kept.model_dump()}
        await self._journal.conclude(entry, state="done", outcome=outcome, used={})

    async def _history(self, position: int) -> list[ToolCall]:
        asked = {
            "agent": self._journal.lease.agent,
            "position": position,
            "most": validator.MOST_HISTORY,
        }
        async with self._database.unit_of_work(self._journal.lease.tenant) as work:
            rows = await work.fetch_all(SQL.history, asked)
        return [ToolCall(id="", name=row["name"], arguments=row["arguments"]) for row in rows]


def _kept(outcome: JsonValue) -> Verdict | None:
    assert isinstance(outcome, dict), "as it was recorded here"
    return None if outcome["verdict"] is None else Verdict.model_validate(outcome["verdict"])
