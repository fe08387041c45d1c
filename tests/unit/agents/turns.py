"""A turn that answers by script, for one agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from pydantic import JsonValue

from agents import findings
from agents.answer import Answer
from agents.brief import Brief, ChildSpec, FileRef, InputFile
from agents.ports import AgentFacts, ChildReturn, Refusal, ReturnRefused, Told, ToolOutcome
from core.errors import BudgetExhausted
from core.grant import Budget, Capabilities, Grant, Unit
from core.ids import AgentId, ArtifactId, TaskId, TenantId
from core.provenance import Provenance, Trust
from inference.model import ModelReply, ModelRequest, ToolCall, Usage
from memory import Recall
from memory.task_tree import Diff, Operation, Tree
from tools.contract import ToolSpec

PROVENANCE = Provenance(tenant=TenantId(uuid4()), trust=Trust.USER)


def facts(*, depth: int = 1, **brief: Any) -> AgentFacts:
    """A worker with one file; the root where `depth` is 0."""
    file = InputFile(ref=FileRef("f1"), path="a.md", kind="markdown", size=1)
    given: dict[str, Any] = {"task_goal": "Why?", "question": "Why?", "inputs": (file,)}
    return AgentFacts(
        id=AgentId(uuid4()),
        task=TaskId(uuid4()),
        key="s1" if depth else "root",
        role="worker" if depth else "lead",
        title="Read a.md",
        depth=depth,
        node=None,
        brief=Brief(**given | brief),
        grant=Grant(budget=Budget(), capabilities=Capabilities(tools=frozenset({"read_file"}))),
        provenance=PROVENANCE,
        return_schema=findings.schema(["a.md"]) if depth else None,
        spawned=0,
    )


@dataclass
class ScriptedTurn:
    """`script` answers models, `told` is what a tool gives; what was asked is kept."""

    agent: AgentFacts
    script: Callable[[ModelRequest], ModelReply]
    told: Callable[[ToolCall], str] = lambda call: ""
    specs: Sequence[ToolSpec] = ()
    requests: list[ModelRequest] = field(default_factory=list[ModelRequest])
    calls: list[ToolCall] = field(default_factory=list[ToolCall])
    offered: list[str] = field(default_factory=list[str])
    kept: list[Usage | None] = field(default_factory=list[Usage | None])
    cut: BudgetExhausted | None = None

    async def model(self, request: ModelRequest, *, keep: Usage | None = None) -> ModelReply:
        self.requests.append(request)
        self.kept.append(keep)
        return self.script(request)

    async def tool(self, call: ToolCall) -> ToolOutcome:
        self.calls.append(call)
        return ToolOutcome(ok=True, content=self.told(call), provenance=PROVENANCE)

    def tool_specs(self) -> Sequence[ToolSpec]:
        return self.specs

    async def offer(self, text: str) -> JsonValue | ReturnRefused:
        self.offered.append(text)
        return text

    def cut_short(self, limit: BudgetExhausted) -> None:
        self.cut = limit

    async def recall(self) -> Recall:
        raise NotImplementedError

    async def text_of(self, artifact: ArtifactId) -> str:
        raise NotImplementedError

    async def tree(self) -> Tree:
        raise NotImplementedError

    async def revise(self, operations: Sequence[Operation]) -> Diff:
        raise NotImplementedError

    def spawn(self, children: Sequence[ChildSpec]) -> list[AgentId]:
        raise NotImplementedError

    def remaining(self) -> Mapping[Unit, int | None]:
        raise NotImplementedError

    async def news(self) -> Sequence[Told]:
        raise NotImplementedError

    async def heard(self) -> Sequence[Told]:
        raise NotImplementedError

    async def steer(
        self,
        told: Told,
        operations: Sequence[Operation],
        *,
        stops: Sequence[AgentId],
        reply: Callable[[Diff], str] | None = None,
    ) -> Refusal | None:
        raise NotImplementedError

    async def understand(self, told: Told, request: ModelRequest) -> ModelReply | None:
        raise NotImplementedError

    async def say(self, told: Told, text: str) -> None:
        raise NotImplementedError

    async def refuse(self, told: Told, refusal: Refusal) -> None:
        raise NotImplementedError

    async def reply(self, told: Told, request: ModelRequest) -> ModelReply | None:
        raise NotImplementedError

    async def returns(self) -> list[ChildReturn]:
        raise NotImplementedError

    def deliver(self, answer: Answer) -> None:
        raise NotImplementedError
