"""What an agent's graph may ask of the world. The orchestrator journals, budgets and fences each of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, JsonValue

from agents.answer import Answer
from agents.brief import Brief, ChildSpec, Role
from core.errors import BudgetExhausted, BudgetLimit
from core.grant import Grant, Unit
from core.ids import AgentId, ArtifactId, MessageId, NodeId, TaskId
from core.provenance import Provenance
from inference.model import ModelReply, ModelRequest, ToolCall, Usage
from memory.recall import Recall
from memory.task_tree import Diff, Operation, Tree
from tools.contract import ToolSpec


@dataclass(frozen=True, kw_only=True)
class AgentFacts:
    """The agent a turn belongs to. `key` is that of its step, the same in every run of the same task."""

    id: AgentId
    task: TaskId
    key: str
    role: Role
    title: str
    depth: int
    node: NodeId | None
    brief: Brief
    grant: Grant
    provenance: Provenance
    return_schema: dict[str, JsonValue] | None
    spawned: int

    @property
    def is_root(self) -> bool:
        return self.depth == 0


class ToolOutcome(BaseModel):
    """What a tool call came to, as its own caller may read it."""

    model_config = ConfigDict(frozen=True)

    ok: bool
    content: str
    data: JsonValue = None
    provenance: Provenance
    artifacts: tuple[ArtifactId, ...] = ()
    code: str | None = None


class ChildReturn(BaseModel):
    """A finished child as its parent sees it: validated values and handles, or why there are none."""

    model_config = ConfigDict(frozen=True)

    agent: AgentId
    key: str
    node: NodeId | None
    status: Literal["done", "failed", "cancelled"]
    returned: JsonValue
    error_code: str | None
    limit: BudgetLimit | None = None
    """The limit it reached, where that is why it failed, or why what it returned is partial."""
    provenance: Provenance


MessageKind = Literal["add", "revise", "retract", "ask", "say"]
"""What a person may say to a task that runs; with `say`, a model finds out which of the others is meant."""


class Told(BaseModel):
    """What a person said to a lead while its task ran: in the user's own words.

    `state` is how far it had come when this turn met it: `taken` where it has not taken effect.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: MessageId
    number: int
    kind: MessageKind
    node: NodeId | None
    text: str
    state: Literal["taken", "applied", "refused"]
    provenance: Provenance


class Refusal(BaseModel):
    """Why a message takes no effect, in words for whoever sent it."""

    model_config = ConfigDict(frozen=True)

    code: str
    message: str


class ReturnRefused(BaseModel):
    """Why the gate did not let a return pass; never quotes the refused text."""

    model_config = ConfigDict(frozen=True)

    code: str
    where: str


class Turn(Protocol):
    """One turn of one agent.

    Every method may raise the signals of `core.signals`, which no graph may catch; those that spend raise
    `BudgetExhausted`.
    """

    @property
    def agent(self) -> AgentFacts: ...

    async def model(self, request: ModelRequest, *, keep: Usage | None = None) -> ModelReply:
        """Ask the model. Raises `ModelError` when it cannot answer, also after retries.

        Args:
            request: what to ask.
            keep: what the grant must still have afterwards, besides some time before the deadline; without
                it the call may use all there is.
        """
        ...

    def cut_short(self, limit: BudgetExhausted) -> None:
        """What this agent returns is partial, because of this limit."""
        ...

    async def tool(self, call: ToolCall) -> ToolOutcome:
        """Run a tool. A refusal or failure is an outcome the agent can read, not an exception."""
        ...

    def tool_specs(self) -> Sequence[ToolSpec]:
        """The tools of this agent's grant, sorted by name."""
        ...

    async def recall(self) -> Recall:
        """What memory has for this task's goal, after the guard."""
        ...

    async def tree(self) -> Tree:
        """The plan as this turn began with it and changed it since, however often the turn is repeated."""
        ...

    async def revise(self, operations: Sequence[Operation]) -> Diff:
        """Change the task tree, once, however often this turn is repeated."""
        ...

    def spawn(self, children: Sequence[ChildSpec]) -> list[AgentId]:
        """Children that come to be, and whose steps begin, when this turn closes.

        Raises:
            BudgetExhausted: past depth or fan-out.
        """
        ...

    def remaining(self) -> Mapping[Unit, int | None]:
        """What is left of the grant by unit as this turn began; `None` where there is no limit."""
        ...

    async def news(self) -> Sequence[Told]:
        """Begin a resumed turn: settles which children count as ended, and takes what people said since."""
        ...

    async def heard(self) -> Sequence[Told]:
        """What people said since. The last thing an agent asks: it cannot end with a message unheard."""
        ...

    async def steer(
        self,
        told: Told,
        operations: Sequence[Operation],
        *,
        stops: Sequence[AgentId],
        reply: Callable[[Diff], str] | None = None,
    ) -> Refusal | None:
        """Change the task tree as a message says, once, and stop the children whose work it made void.

        Args:
            told: the message.
            operations: all or none of them are applied.
            stops: the children.
            reply: what is said back of what was committed; not everything is answered.
        """
        ...

    async def refuse(self, told: Told, refusal: Refusal) -> None: ...

    async def reply(self, told: Told, request: ModelRequest) -> ModelReply | None:
        """Ask the model what to say to a message, and say it; `None` where that cannot be done."""
        ...

    async def understand(self, told: Told, request: ModelRequest) -> ModelReply | None:
        """Ask the model what a message comes to; `None` where it cannot be asked, or refused before."""
        ...

    async def say(self, told: Told, text: str) -> None:
        """Answer a message; nothing else changes."""
        ...

    async def returns(self) -> list[ChildReturn]:
        """The children of this agent that had ended at `news`, in the order they were spawned."""
        ...

    async def offer(self, text: str) -> JsonValue | ReturnRefused:
        """Show a return to the gate; what passes is kept as this agent's return."""
        ...

    async def text_of(self, artifact: ArtifactId) -> str:
        """What an artifact of this task holds, to be placed in the answer by code; for no prompt."""
        ...

    def deliver(self, answer: Answer) -> None:
        """The root's return: the answer the user gets."""
        ...
