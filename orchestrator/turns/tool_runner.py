"""Tools as a turn calls them: its workspace, its own grant, and the user's words for the taint check."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import lru_cache

from pydantic import JsonValue

from agents.ports import AgentFacts
from core.errors import ToolError
from core.grant import Capabilities
from core.provenance import Provenance, Trust
from inference.model import ToolCall
from tools import ToolBroker, ToolContext, ToolRegistry, ToolResult, ToolSpec, Workspace
from tools.contract import Effect
from tools.sinks import SinkValue
from tools.taint import Source, TaintCheck


@lru_cache(maxsize=64)
def workspace_at(root: str) -> Workspace:
    """One workspace object per folder, so that parsed documents are shared between agents."""
    return Workspace(root)


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A call that may run once a person approves it.

    Attributes:
        arguments: one JSON object, as the agent gave them.
        going: what of it goes to sinks, and why it may; None where only a person can say so.
    """

    arguments: JsonValue
    going: tuple[tuple[SinkValue, Source | None], ...]


class ToolRunner:
    def __init__(self, registry: ToolRegistry) -> None:
        self._broker = ToolBroker(registry)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._broker.registry.names)

    def specs(self, capabilities: Capabilities) -> list[ToolSpec]:
        return self._broker.registry.specs_for(capabilities)

    def effect(self, name: str) -> Effect:
        """A tool that is not there does nothing, which is safe to repeat."""
        registry = self._broker.registry
        return registry.get(name).spec.effect if name in registry.names else "pure"

    def proposal(self, call: ToolCall, facts: AgentFacts) -> Proposal | None:
        """What to ask a person; None where the call needs no approval, or will be refused without one.

        A person is asked about tools that ask first, and about values that go to a sink and are not the
        user's own, unless the task refuses those.
        """
        registry, granted = self._broker.registry, facts.grant.capabilities
        if call.name not in registry.names:
            return None
        try:
            prepared = self._broker.prepare(call.name, call.arguments, granted, TaintCheck(approved=True))
        except ToolError:
            return None
        taint = _taint(facts)
        foreign = frozenset(self._broker.foreign(prepared, taint))
        always = prepared.spec.approval or call.name in granted.approve
        if granted.tainted_sinks == "refuse" if foreign else not always:
            return None
        return Proposal(
            arguments=json.loads(call.arguments or "{}"),
            going=tuple((each, _why(each, foreign, taint)) for each in prepared.going),
        )

    def unvouched(self, call: ToolCall, facts: AgentFacts, read: Provenance) -> ToolSpec | None:
        """The tool of a command that nobody vouches for: its agent has read what anyone may have written.

        None where it will be refused anyway, or a person is asked.
        """
        if read.trust > Trust.UNTRUSTED or call.name not in self._broker.registry.names:
            return None
        spec = self._broker.registry.get(call.name).spec
        if spec.privilege == "query" or self.proposal(call, facts) is not None:
            return None
        try:
            self._broker.prepare(call.name, call.arguments, facts.grant.capabilities, _taint(facts))
        except ToolError:
            return None
        return spec

    def check(self, name: str, arguments: Mapping[str, JsonValue], capabilities: Capabilities) -> None:
        """Whether a call with arguments that a person wrote could run. Raises `ToolError`."""
        self._broker.prepare(name, arguments, capabilities, TaintCheck(approved=True))

    async def run(
        self,
        call: ToolCall,
        facts: AgentFacts,
        *,
        workspace: str | None,
        idempotency_key: str,
        approved: bool = False,
    ) -> ToolResult:
        """Raises `ToolError`."""
        taint = _taint(facts, approved=approved)
        prepared = self._broker.prepare(call.name, call.arguments, facts.grant.capabilities, taint)
        context = ToolContext(
            capabilities=facts.grant.capabilities,
            workspace=workspace_at(workspace) if workspace else None,
            idempotency_key=idempotency_key,
        )
        return await self._broker.run(prepared, context)

    async def find_quote(
        self, workspace: str | None, capabilities: Capabilities, file: str, quote: str, line: int
    ) -> int | None:
        """The line where a quote starts, nearest to `line`; None when the file does not hold it."""
        if workspace is None:
            return None
        allowed = workspace_at(workspace).narrowed(capabilities)
        place = await asyncio.to_thread(allowed.find_quote, file, quote, line)
        return None if place is None else place.line


def _taint(facts: AgentFacts, *, approved: bool = False) -> TaintCheck:
    return TaintCheck(
        trusted_texts=facts.brief.users_words,
        allowed=facts.grant.capabilities.allow,
        approved=approved,
    )


def _why(going: SinkValue, foreign: Set[SinkValue], taint: TaintCheck) -> Source | None:
    """What the grant lists counts as allowed."""
    return None if going in foreign else taint.source(going.sink, going.value) or "allowed"
