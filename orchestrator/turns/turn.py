"""One turn of one agent, as its graph sees it: `agents.ports.Turn`, journalled, budgeted and fenced."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, cast

from pydantic import JsonValue

from agents import distilling, steering
from agents.answer import Answer
from agents.brief import ChildSpec
from agents.ports import AgentFacts, ChildReturn, Refusal, ReturnRefused, Told, ToolOutcome
from core.clock import Clock
from core.errors import AgentFailed, BudgetExhausted, InvalidInput, ModelError
from core.grant import UNITS, Unit
from core.ids import AgentId, ArtifactId, RecordId, derived
from core.provenance import Origin, Provenance
from inference.model import NO_USAGE, ModelReply, ModelRequest, ToolCall, Usage
from memory import Recall
from memory.task_tree import Diff, Operation, Tree
from orchestrator.platform import Platform
from orchestrator.turns import gate
from orchestrator.turns.artifacts import NewArtifacts, handle, place
from orchestrator.turns.asking import Asking, Policy
from orchestrator.turns.journal import Journal
from orchestrator.turns.lease import Lease
from orchestrator.turns.memory_calls import MemoryCalls
from orchestrator.turns.message_calls import MessageCalls
from orchestrator.turns.model_calls import ModelCalls
from orchestrator.turns.returns import Returns
from orchestrator.turns.texts import Texts
from orchestrator.turns.tool_calls import ToolCalls
from orchestrator.turns.validation import Validation
from tools.contract import ToolSpec

KEPT_SHARE = 0.2
KEPT_SECONDS = 60.0
"""Of a task's time: this share, and no more than so much."""


class LiveTurn:
    """Lives from claim to close. What it leaves for the closing transaction is in its public attributes.

    Attributes:
        journal: of its calls; the last outcome is written with what the turn leaves.
        parent: the agent to wake at the end; the root has none.
        source: in a fork, the agent whose journal this one follows.
        position: how many calls of any kind the agent has made in its life.
        provenance: of everything the agent has read so far.
        children: to be spawned when the turn closes, with their attenuated orders.
        returned: what crosses up, or the root's answer.
        cut: the limit that made the return a partial one.
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
        source: AgentId | None,
        paused_for: timedelta = timedelta(),
        rung: int | None = None,
    ) -> None:
        """Deadlines are in the time of the task, which is behind by as long as it was paused."""
        self._platform = platform
        self._lease = lease
        self._facts = facts
        self._remaining = remaining
        self._model_calls = model_calls
        self._workspace = workspace
        self.journal = Journal(platform.database, lease, source)
        deadline = facts.grant.deadline
        self._left = partial(_seconds_left, platform.clock, deadline and deadline + paused_for)
        self._left_to_work = partial(self._left, kept=_kept_seconds(facts))
        self._models = ModelCalls(platform.gateway, platform.clock, self.journal)
        policy = Policy(
            seconds=platform.settings.approval_seconds, fallback=platform.settings.approval_default
        )
        self._tools = ToolCalls(
            platform.tools,
            platform.clock,
            self.journal,
            Asking(platform.database, self.journal, facts, policy, self._left_to_work),
            facts,
            self._left_to_work,
            workspace=workspace,
            rung=rung,
        )
        self._validation = Validation(platform.database, self.journal, facts, self._next, self._judge)
        self._returns = Returns(self.journal)
        self._texts = Texts(platform.database, self.journal)
        self._ended: list[ChildReturn] = []
        self._memory = MemoryCalls(platform.database, platform.memory, platform.task_tree, self.journal)
        self._messages = MessageCalls(platform.database, platform.task_tree, self.journal)
        self._head: int | None = None
        self._tree: Tree | None = None
        self.parent = parent
        self.source = source
        self.position = position
        self.provenance = facts.provenance
        self.children: list[tuple[AgentId, ChildSpec]] = []
        self.returned: JsonValue = None
        self.cut: BudgetExhausted | None = None
        self.artifacts = NewArtifacts(lease)

    @property
    def agent(self) -> AgentFacts:
        return self._facts

    def remaining(self) -> Mapping[Unit, int | None]:
        """What was left as the turn began, less what models used since; the same when it is repeated."""
        return {
            unit: None if left is None else max(0, left - self._models.settled[unit])
            for unit, left in self._remaining.items()
        }

    async def model(self, request: ModelRequest, *, keep: Usage | None = None) -> ModelReply:
        return await self._ask(self._next(), request, keep)

    async def _ask(self, position: int, request: ModelRequest, keep: Usage | None = None) -> ModelReply:
        most = self._facts.grant.budget.model_calls
        if self._model_calls >= most:
            raise BudgetExhausted("model_calls", f"its {most} model calls are made")
        left = self._left if keep is None else self._left_to_work
        try:
            reply = await self._models.ask(position, request, keep=keep or NO_USAGE, seconds_left=left)
        except BudgetExhausted as limit:
            self._model_calls += limit.limit not in UNITS  # else it was not made
            raise
        except ModelError:
            self._model_calls += 1
            raise
        self._model_calls += 1
        self.provenance = self.provenance.derive(by=Origin(kind="model", id=reply.model))
        return reply

    async def _judge(self, position: int, request: ModelRequest) -> ModelReply:
        """Asks for the platform, not for the agent: it counts in tokens, and not as one of its calls."""
        return await self._models.ask(position, request, keep=NO_USAGE, seconds_left=self._left_to_work)

    def tool_specs(self) -> Sequence[ToolSpec]:
        return self._platform.tools.specs(self._facts.grant.capabilities)

    async def tool(self, call: ToolCall) -> ToolOutcome:
        spec = self._platform.tools.unvouched(call, self._facts, self.provenance)
        verdict = None if spec is None else await self._validation.judge(spec, call)
        outcome = await self._tools.run(self._next(), call, read=self.provenance, verdict=verdict)
        self.provenance = self.provenance.derive([outcome.provenance])
        return outcome

    async def recall(self) -> Recall:
        if not self._facts.grant.capabilities.memory:
            return Recall()
        goal, position = self._facts.brief.task_goal, self._next()
        recall = await self._memory.recall(
            position,
            goal,
            scopes=self._facts.grant.capabilities.memory,
            contend=self._platform.settings.memory_rerank,
        )
        if recall.contenders:
            scores = await self._rerank(goal, recall)
            recall = await self._memory.settle(position, recall, scores, follows=self.source is not None)
        for record in recall.used:
            source = Provenance(
                tenant=self._lease.tenant,
                trust=record.trust,
                origins=(Origin(kind="memory", id=str(record.id)),),
            )
            self.provenance = self.provenance.derive([source])
        return recall

    async def _rerank(self, goal: str, recall: Recall) -> Mapping[RecordId, float] | None:
        """Scores for what contends; where no model gives any, the ranking stays."""
        try:
            reply = await self._ask(self._next(), distilling.rerank_request(goal, recall.contenders))
        except (ModelError, BudgetExhausted, InvalidInput):
            return None
        return distilling.scores(reply, recall.contenders)

    async def tree(self) -> Tree:
        """Read once, as it was at `news`; from there on it changes as this turn changes it."""
        if self._tree is None:
            self._tree = await self._memory.tree(self._head)
        return self._tree

    async def revise(self, operations: Sequence[Operation]) -> Diff:
        tree = await self.tree()
        diff = await self._memory.revise(self._next(), operations, provenance=self.provenance)
        self._tree = tree.advanced(diff)
        return diff

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

    async def news(self) -> Sequence[Told]:
        news = await self._messages.news(self._next(), anyway=True)
        assert news is not None, "asked for anyway"
        self._head = news.head
        self._ended = list(news.children)
        self.provenance = self.provenance.derive(child.provenance for child in self._ended)
        return news.told

    async def heard(self) -> Sequence[Told]:
        news = await self._messages.news(self.position, anyway=False)
        if news is None:
            return ()
        self.position += 1
        return news.told

    async def steer(
        self,
        told: Told,
        operations: Sequence[Operation],
        *,
        stops: Sequence[AgentId],
        reply: Callable[[Diff], str] | None = None,
    ) -> Refusal | None:
        tree = await self.tree()
        said = told.provenance
        if not steering.is_users_word(told, operations):
            said = self.provenance.derive([said])
        changed = await self._messages.steer(told, operations, stops=stops, provenance=said, reply=reply)
        if isinstance(changed, Refusal):
            return changed
        self._tree = tree.advanced(changed)
        return None

    async def refuse(self, told: Told, refusal: Refusal) -> None:
        await self._messages.refuse(told, refusal)

    async def reply(self, told: Told, request: ModelRequest) -> ModelReply | None:
        position = self._next()
        if told.state == "refused":
            self._model_calls += 1
            return None
        try:
            reply = await self._ask(position, request)
        except (ModelError, BudgetExhausted, InvalidInput) as error:
            await self._messages.refuse(told, Refusal(code=error.code, message=error.message))
            return None
        await self._messages.answer(told, str(cast(dict[str, Any], reply.output)["text"]))
        return reply

    async def understand(self, told: Told, request: ModelRequest) -> ModelReply | None:
        """Of a message that was refused before, the call is looked up all the same: it counts."""
        try:
            reply = await self._ask(self._next(), request)
        except (ModelError, BudgetExhausted, InvalidInput) as error:
            unchanged = f"{error.message}; nothing was changed"
            await self._messages.refuse(told, Refusal(code=error.code, message=unchanged))
            return None
        return None if told.state == "refused" else reply

    async def say(self, told: Told, text: str) -> None:
        await self._messages.answer(told, text)

    async def returns(self) -> list[ChildReturn]:
        return self._ended

    async def offer(self, text: str) -> JsonValue | ReturnRefused:
        schema = self._facts.return_schema
        if schema is None:
            raise AgentFailed("the root agent delivers its answer; it has no parent to return to")
        files = frozenset(file.path for file in self._facts.brief.inputs)
        passed = await self._returns.offer(
            self._next(), text, schema, files=files, prove=self._prove, held=self._texts.held
        )
        if isinstance(passed, gate.Passed):
            self.returned = self._with_handles(passed)
            return self.returned
        return passed

    def cut_short(self, limit: BudgetExhausted) -> None:
        self.cut = limit

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

    async def text_of(self, artifact: ArtifactId) -> str:
        return await self._texts.of(artifact)

    async def _prove(self, file: str, line: int, quote: str) -> int | None:
        return await self._platform.tools.find_quote(
            self._workspace, self._facts.grant.capabilities, file, quote, line
        )


def _seconds_left(clock: Clock, deadline: datetime | None, *, kept: float = 0.0) -> float | None:
    if deadline is None:
        return None
    left = (deadline - clock.now()).total_seconds() - kept
    if left <= 0:
        when = "has passed" if left + kept <= 0 else "is near"
        raise BudgetExhausted("deadline", f"the task's deadline {when}")
    return left


def _kept_seconds(facts: AgentFacts) -> float:
    """What a worker keeps back of a task's time, to return what it has before the deadline."""
    seconds = facts.grant.budget.seconds
    if facts.role != "worker" or seconds is None:
        return 0.0
    return min(KEPT_SECONDS, KEPT_SHARE * seconds)
