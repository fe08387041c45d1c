"""One turn of one agent, as its graph sees it: `agents.ports.Turn`, journalled, budgeted and fenced."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from pydantic import JsonValue

from agents.answer import Answer
from agents.brief import ChildSpec
from agents.ports import AgentFacts, ChildReturn, ReturnRefused, ToolOutcome
from core.clock import Clock
from core.database import Row, queries
from core.errors import AgentFailed, BudgetExhausted
from core.grant import Unit
from core.ids import AgentId, NodeId, derived
from core.provenance import Origin, Provenance
from inference.model import ModelReply, ModelRequest, ToolCall
from memory import Recall
from memory.task_tree import Diff, Operation, Tree
from orchestrator import gate
from orchestrator.artifacts import NewArtifacts, handle, place
from orchestrator.journal import Journal
from orchestrator.lease import Lease
from orchestrator.memory_calls import MemoryCalls
from orchestrator.model_calls import ModelCalls
from orchestrator.platform import Platform
from orchestrator.returns import Returns
from orchestrator.tool_calls import ToolCalls
from tools.contract import ToolSpec

SQL = queries.load(__file__, "turn.sql")


class LiveTurn:
    """Lives from claim to close. What it leaves for the closing transaction is in its public attributes.

    Attributes:
        journal: of its calls; the last outcome is written with what the turn leaves.
        parent: the agent to wake at the end; the root has none.
        position: how many calls of any kind the agent has made in its life.
        provenance: of everything the agent has read so far.
        children: to be spawned when the turn closes, with their attenuated orders.
        returned: what crosses up, or the root's answer.
        artifacts: free text of the return.
    """

    def __init__(
        self,
        platform: Platform,
        lease: Lease,
        facts: AgentFacts,
        *,
        parent: AgentId | None,
        position: int,
        model_calls: int,
        workspace: str | None,
        remaining: Mapping[Unit, int | None],
    ) -> None:
        self._platform = platform
        self._lease = lease
        self._facts = facts
        self._remaining = remaining
        self._used: Counter[Unit] = Counter()
        self._model_calls = model_calls
        self._workspace = workspace
        self.journal = Journal(platform.database, lease)
        left = partial(_seconds_left, platform.clock, facts.grant.deadline)
        self._models = ModelCalls(platform.gateway, platform.clock, self.journal, left)
        self._tools = ToolCalls(
            platform.tools, platform.clock, self.journal, facts, left, workspace=workspace
        )
        self._returns = Returns(self.journal)
        self._children: list[ChildReturn] | None = None
        self._memory = MemoryCalls(platform.database, platform.memory, platform.task_tree, self.journal)
        self.parent = parent
        self.position = position
        self.provenance = facts.provenance
        self.children: list[tuple[AgentId, ChildSpec]] = []
        self.returned: JsonValue = None
        self.artifacts = NewArtifacts(lease)

    @property
    def agent(self) -> AgentFacts:
        return self._facts

    def remaining(self) -> Mapping[Unit, int | None]:
        """What was left at the claim, less what this turn used since; a repeated turn counts it twice."""
        return {
            unit: None if left is None else max(0, left - self._used[unit])
            for unit, left in self._remaining.items()
        }

    async def model(self, request: ModelRequest) -> ModelReply:
        most = self._facts.grant.budget.model_calls
        self._model_calls += 1
        if self._model_calls > most:
            raise BudgetExhausted("model_calls", f"its {most} model calls are made")
        reply = await self._models.ask(self._next(), request)
        self._used["tokens"] += reply.usage.total
        self._used["cost"] += reply.cost_micros
        self.provenance = self.provenance.derive(by=Origin(kind="model", id=reply.model))
        return reply

    def tool_specs(self) -> Sequence[ToolSpec]:
        return self._platform.tools.specs(self._facts.grant.capabilities)

    async def tool(self, call: ToolCall) -> ToolOutcome:
        outcome = await self._tools.run(self._next(), call, read=self.provenance)
        self.provenance = self.provenance.derive([outcome.provenance])
        return outcome

    async def recall(self) -> Recall:
        if not self._facts.grant.capabilities.memory:
            return Recall()
        recall = await self._memory.recall(
            self._next(), self._facts.brief.task_goal, scopes=self._facts.grant.capabilities.memory
        )
        for record in recall.used:
            source = Provenance(
                tenant=self._lease.tenant,
                trust=record.trust,
                origins=(Origin(kind="memory", id=str(record.id)),),
            )
            self.provenance = self.provenance.derive([source])
        return recall

    async def tree(self) -> Tree:
        return await self._memory.tree()

    async def revise(self, operations: Sequence[Operation]) -> Diff:
        return await self._memory.revise(self._next(), operations, provenance=self.provenance)

    def spawn(self, children: Sequence[ChildSpec]) -> list[AgentId]:
        limits = self._facts.grant.budget
        if children and limits.depth <= 0:
            raise BudgetExhausted("depth")
        if self._facts.spawned + len(self.children) + len(children) > limits.fanout:
            raise BudgetExhausted("fanout")
        spawned: list[AgentId] = []
        for child in children:
            ordinal = self._facts.spawned + len(self.children)
            agent = AgentId(derived(self._lease.agent, "child", ordinal))
            self.children.append((agent, self._attenuated(child)))
            spawned.append(agent)
        return spawned

    async def returns(self) -> list[ChildReturn]:
        """Read once: a turn begins when all children have ended, and spawns new ones only as it closes."""
        if self._children is None:
            self._children = await self._load_returns()
            self.provenance = self.provenance.derive(child.provenance for child in self._children)
        return self._children

    async def _load_returns(self) -> list[ChildReturn]:
        async with self._platform.database.unit_of_work(self._lease.tenant) as work:
            rows = await work.fetch_all(SQL.returns, {"agent": self._lease.agent})
        return [_child_return(row) for row in rows]

    async def offer(self, text: str) -> JsonValue | ReturnRefused:
        schema = self._facts.return_schema
        if schema is None:
            raise AgentFailed("the root agent delivers its answer; it has no parent to return to")
        files = frozenset(file.path for file in self._facts.brief.inputs)
        passed = await self._returns.offer(self._next(), text, schema, files=files, prove=self._prove)
        if isinstance(passed, gate.Passed):
            self.returned = self._with_handles(passed)
            return self.returned
        return passed

    def deliver(self, answer: Answer) -> None:
        self.returned = answer.model_dump(mode="json")

    def _next(self) -> int:
        position = self.position
        self.position += 1
        return position

    def _attenuated(self, child: ChildSpec) -> ChildSpec:
        mine, wanted = self._facts.grant, child.budget
        narrowed = wanted.model_copy(
            update={
                "depth": min(wanted.depth, mine.budget.depth - 1),
                "fanout": min(wanted.fanout, mine.budget.fanout),
                "model_calls": min(wanted.model_calls, mine.budget.model_calls),
                "seconds": mine.budget.seconds,
            }
        )
        return child.model_copy(
            update={
                "capabilities": mine.capabilities.attenuate(child.capabilities),
                "budget": narrowed,
                "return_schema": gate.closed(child.return_schema),
                "provenance": self.provenance,
            }
        )

    def _with_handles(self, passed: gate.Passed) -> JsonValue:
        for pointer, text in passed.texts.items():
            artifact = self.artifacts.add(
                f"return{pointer}",
                name=f"{pointer.strip('/').replace('/', '-')}.txt",
                media_type="text/plain; charset=utf-8",
                content=text.encode("utf-8", "replace"),
                provenance=self.provenance,
            )
            place(passed.value, pointer, handle(artifact, len(text)))
        return passed.value

    async def _prove(self, file: str, line: int, quote: str) -> int | None:
        return await self._platform.tools.find_quote(
            self._workspace, self._facts.grant.capabilities, file, quote, line
        )


def _seconds_left(clock: Clock, deadline: datetime | None) -> float | None:
    if deadline is None:
        return None
    left = (deadline - clock.now()).total_seconds()
    if left <= 0:
        raise BudgetExhausted("deadline", "the task's deadline passed")
    return left


def _child_return(row: Row) -> ChildReturn:
    return ChildReturn(
        agent=AgentId(row["id"]),
        key=row["key"],
        node=NodeId(row["node_id"]) if row["node_id"] else None,
        status=row["state"],
        returned=row["returned"],
        error_code=row["error"]["code"] if row["error"] else None,
        limit=row["error"].get("limit") if row["error"] else None,
        provenance=Provenance.model_validate(row["provenance"]),
    )
