"""Returns of a turn: the gate's verdict is journalled, for the files it proves quotes by may change."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from pydantic import JsonValue, TypeAdapter

from agents.ports import ReturnRefused
from core.errors import GateRefused
from core.events import Event
from orchestrator.turns import gate
from orchestrator.turns.journal import Entry, Journal

_VERDICT: TypeAdapter[gate.Passed | ReturnRefused] = TypeAdapter(gate.Passed | ReturnRefused)


class Returns:
    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def offer(
        self,
        position: int,
        text: str,
        schema: Mapping[str, JsonValue],
        *,
        files: frozenset[str],
        prove: gate.Prove,
        held: gate.Held,
    ) -> gate.Passed | ReturnRefused:
        """The gate's verdict on a return, the same however often the turn is repeated."""
        entry = Entry(
            position=position,
            kind="step",
            name="return",
            effect="pure",
            request={"sha256": hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()},
        )
        recorded = await self._journal.begin(entry)
        if recorded is not None and recorded.state == "done":
            return _VERDICT.validate_python(recorded.outcome)
        verdict: gate.Passed | ReturnRefused
        try:
            verdict = await gate.check(text, schema, files=files, prove=prove, held=held)
        except GateRefused as refused:
            verdict = ReturnRefused(code=refused.reason, where=refused.where)
        await self._journal.conclude(
            entry,
            state="done",
            outcome=_VERDICT.dump_python(verdict, mode="json"),
            used={},
            events=[self._event(verdict)],
        )
        return verdict

    def _event(self, verdict: gate.Passed | ReturnRefused) -> Event:
        if isinstance(verdict, ReturnRefused):
            return self._journal.event("gate.refused", code=verdict.code, where=verdict.where)
        return self._journal.event(
            "gate.accepted",
            fields=[*sorted(verdict.value)],
            handles=len(verdict.texts),
            quotes=verdict.quotes,
        )
