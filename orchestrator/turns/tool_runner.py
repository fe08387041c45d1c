"""Tools as a turn calls them: its workspace, its own grant, and the user's words for the taint check."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from pydantic import JsonValue

from agents.ports import AgentFacts
from core.errors import ToolError
from core.grant import Capabilities
from inference.model import ToolCall
from tools import ToolBroker, ToolContext, ToolRegistry, ToolResult, ToolSpec, Workspace
from tools.contract import Effect
from tools.taint import TaintCheck


@lru_cache(maxsize=64)
def workspace_at(root: str) -> Workspace:
    """One workspace object per folder, so that parsed documents are shared between agents."""
    return Workspace(root)


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A call that may run once a person approves it.

    Attributes:
        arguments: one JSON object, as the agent gave them.
        foreign: arguments for sensitive sinks whose values are not the user's own words.
    """

    arguments: JsonValue
    foreign: tuple[str, ...]


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
        """What to ask a person; None where the call needs no approval, or will be refused without one."""
        registry, granted = self._broker.registry, facts.grant.capabilities
        if call.name not in registry.names:
            return None
        if not registry.get(call.name).spec.approval and call.name not in granted.approve:
            return None
        try:
            prepared = self._broker.prepare(call.name, call.arguments, granted, TaintCheck(approved=True))
        except ToolError:
            return None
        foreign = self._broker.foreign(
            prepared, TaintCheck(trusted_texts=(facts.brief.task_goal, *facts.brief.said))
        )
        return Proposal(arguments=json.loads(call.arguments or "{}"), foreign=foreign)

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
        taint = TaintCheck(trusted_texts=facts.brief.users_words, approved=approved)
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
