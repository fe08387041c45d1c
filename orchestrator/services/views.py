"""What the faces show: read-only models, the same words in REST, SDK, command line and viewer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from agents.answer import Answer
from agents.ports import MessageKind
from core.events import EventKind
from core.grant import ALLOWED_VALUE, MOST, Budget, Sink, TaintedSinks, Unit
from core.scopes import TEAM_PATTERN, TENANT
from core.text import printable
from inference.model import ModelDescription
from memory.task_tree import RevisionKind

T = TypeVar("T")

TaskStatus = Literal["running", "done", "failed", "cancelled"]
ApprovalStatus = Literal["pending", "approved", "denied", "expired", "withdrawn"]
AgentState = Literal["ready", "running", "waiting", "done", "failed", "cancelled"]
StopReason = Literal[
    "completed",
    "cancelled",
    "error",
    "tokens",
    "cost",
    "tool_calls",
    "depth",
    "fanout",
    "deadline",
    "model_calls",
    "loop",
]


class View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Usage(View):
    """Sums over agents. `cost` is micro-dollars."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost: int = 0
    model_calls: int = 0
    tool_calls: int = 0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


class Problem(View):
    code: str
    message: str


class TaskView(View):
    id: UUID
    goal: str
    status: TaskStatus
    stop_reason: StopReason | None
    workspace: str | None
    output_schema: dict[str, JsonValue] | None
    budget: Budget
    model: ModelDescription
    tags: dict[str, str]
    answer: Answer | None
    error: Problem | None
    usage: Usage
    agents: int
    created_at: datetime
    finished_at: datetime | None
    cancel_requested: bool
    paused: bool = Field(description="Whether it stands still until it is resumed.")
    last_event: int
    forked_from: UUID | None = Field(
        default=None, description="The task whose recorded outcomes this one began with."
    )
    forked_at: int | None = Field(default=None, description="The last event of that task that counted.")


class AgentView(View):
    id: UUID
    parent: UUID | None
    depth: int
    position: int
    role: str
    title: str
    status: AgentState
    waiting_on: str | None
    turns: int
    lost_turns: int
    usage: Usage
    granted_tokens: int | None
    reserved_tokens: int
    seconds: float = Field(description="From first claim to end, or to now.")
    returned: JsonValue = None
    error: Problem | None = None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class UnitView(View):
    """One account; `cost` is micro-dollars.

    `granted` is never less than the others together: held for calls, handed on to children, used up.
    """

    unit: Unit
    granted: int | None = Field(description="null: no limit of its own.")
    reserved: int
    delegated: int
    spent: int


class AccountView(View):
    """An agent's accounts. When an agent ends, what it spent counts as its parent's."""

    agent: UUID
    parent: UUID | None
    role: str
    title: str
    status: AgentState
    units: tuple[UnitView, ...]


class BudgetView(View):
    """The budget of a task as a tree of grants; the first account is the root's."""

    task: UUID
    accounts: tuple[AccountView, ...]


class NodeView(View):
    """A step of the task-memory tree."""

    id: UUID
    parent: UUID | None
    key: str
    title: str
    status: str
    agent: UUID | None
    depends_on: tuple[UUID, ...]
    shares: UUID | None = Field(
        default=None, description="The step whose work it has a part in, because it is the same work."
    )
    revision: int = Field(description="The revision of the tree that made it.")


class TreeView(View):
    task: TaskView
    agents: tuple[AgentView, ...]
    nodes: tuple[NodeView, ...]
    revision: int = Field(
        default=0, description="The revision of the plan that the nodes are of; agents and task are of now."
    )


class RevisionView(View):
    """One change to one step of the plan."""

    revision: int
    op: RevisionKind
    node: UUID
    key: str
    title: str
    status: str
    before: str | None = Field(description="The status before; null where the step was made.")
    value: JsonValue
    caused_by: int | None = Field(description="The revision that made this one necessary.")
    restores: int | None = Field(description="Of a rollback: the revision whose content came back.")
    change: str = Field(description="The same for all revisions that were committed together.")
    actor: str
    at: datetime


class EventView(View):
    seq: int
    at: datetime
    kind: EventKind
    task: UUID
    agent: UUID | None
    data: dict[str, JsonValue]


class CallView(View):
    """One journal row: what was asked and what came of it."""

    id: UUID
    agent: UUID
    position: int
    kind: Literal["model", "tool", "recall", "step"]
    name: str
    effect: Literal["pure", "keyed", "unsafe"]
    state: Literal["intent", "done", "failed", "unknown"]
    request: JsonValue
    outcome: JsonValue
    usage: Usage
    attempts: int
    replayed: bool = Field(
        default=False, description="Of a fork: taken from the task it was forked from, and not made again."
    )
    started_at: datetime
    finished_at: datetime | None


class SinkEvidence(View):
    """A value of a call on its way to a sensitive place, and where it is from."""

    at: str = Field(description="A JSON pointer into the arguments.")
    sink: Sink
    value: str
    source: Literal["user", "allowed", "unknown"] = Field(
        description="`user`: the user's own words; `allowed`: by a list; `unknown`: neither."
    )
    found_in: tuple[str, ...] = Field(default=(), description="The agent's calls whose results hold it.")


class Evidence(View):
    """What there is to decide by.

    `tainted`, `trust` and `origins` are of all that the agent had read; `tainted_arguments` go to a sensitive
    place and are not the user's own words. The rest is known of a call whose outcome is not.
    """

    effect: Literal["pure", "keyed", "unsafe"]
    tainted: bool
    trust: str
    origins: tuple[str, ...] = ()
    tainted_arguments: tuple[str, ...] = ()
    arguments: tuple[SinkEvidence, ...] = Field(default=(), description="What goes to sensitive places.")
    attempts: int = Field(default=0, description="How often the call was begun.")
    started_at: datetime | None = None
    worker: str | None = Field(default=None, description="The process that was lost in the call.")


class ApprovalView(View):
    """A call that waits for a person, or did."""

    id: UUID
    task: UUID
    agent: UUID
    role: str
    title: str
    kind: Literal["tool", "unknown_outcome"] = Field(
        description="`tool`: may it run? `unknown_outcome`: its worker was lost in it; shall it run again?"
    )
    tool: str
    arguments: JsonValue
    evidence: Evidence
    status: ApprovalStatus
    fallback: Literal["approve", "deny"] = Field(description="What is decided when nobody does.")
    edited: JsonValue = Field(
        default=None, description="The arguments in their place, if a person changed them."
    )
    note: str | None = None
    decided_by: UUID | None = Field(default=None, description="The API key.")
    requested_at: datetime
    expires_at: datetime
    decided_at: datetime | None = None


class ArtifactView(View):
    id: UUID
    task: UUID
    agent: UUID | None
    name: str
    media_type: str
    size: int
    sha256: str
    tainted: bool
    created_at: datetime


class MessageView(View):
    """What a person said to a task while it ran, and what came of it."""

    id: UUID
    number: int = Field(description="Rises by one within a task, in the order of their coming.")
    kind: MessageKind
    node: UUID | None = Field(description="The step it is about; none for the task as a whole.")
    node_key: str | None
    text: str
    status: Literal["pending", "taken", "applied", "refused"]
    agent: UUID = Field(description="The lead it is for.")
    applied_at_event: int | None = Field(description="The number of the event at which it took effect.")
    reply: str | None = Field(
        description="What a question was answered with, in a model's words; for `say`, what was done, or "
        "the question which step is meant."
    )
    error: Problem | None = Field(description="Why it takes no effect.")
    created_at: datetime
    concluded_at: datetime | None


Host = Annotated[str, Field(max_length=255)]
AllowedValue = Annotated[str, Field(max_length=2000, pattern=ALLOWED_VALUE)]
TagName = Annotated[str, Field(min_length=1, max_length=100)]
TagValue = Annotated[str, Field(max_length=500)]


ScopeName = Annotated[str, Field(pattern=rf"^(tenant|private(:[0-9a-f-]{{36}})?|team:{TEAM_PATTERN})$")]
"""`tenant`, `team:NAME`, or `private` for the key's own."""


class MemoryAccess(BaseModel):
    """Which memory a task reads, and where what it teaches goes; never more than its key may."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: tuple[ScopeName, ...] | None = Field(
        default=None, max_length=50, description="Scopes to recall from; unset: all the key may read."
    )
    write: ScopeName | None = Field(
        default=TENANT, description="The scope that takes in what it teaches; null: it teaches nothing."
    )


class Submission(BaseModel):
    """A task as a caller asks for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    goal: str = Field(min_length=1, max_length=20_000)
    workspace: str | None = Field(
        default=None, max_length=4096, description="A folder on the server, absolute."
    )
    output_schema: dict[str, JsonValue] | None = Field(
        default=None, description="JSON Schema (2020-12) of an object that the answer must match."
    )
    budget: Budget = Budget()
    tools: frozenset[str] | None = Field(
        default=None, max_length=200, description="Allowed tools; unset means the defaults."
    )
    hosts: frozenset[Host] = Field(
        default=frozenset(), max_length=200, description="Hosts `http_get` may reach."
    )
    approve: frozenset[str] = Field(
        default=frozenset(), max_length=200, description="Tools whose calls a person must approve."
    )
    allow: frozenset[AllowedValue] = Field(
        default=frozenset(),
        max_length=1000,
        description="Values that may go to a sensitive place unasked, as `recipient:ada@example.org`.",
    )
    tainted_sinks: TaintedSinks = Field(
        default="ask",
        description="What happens to a call that takes a value to a sensitive place which the user did not "
        "write: a person is asked, or it is refused.",
    )
    memory: bool | MemoryAccess = Field(
        default=True,
        description="Whether the task may recall what earlier ones taught, and teach later ones; or which "
        "memory it may read and write.",
    )
    tags: dict[TagName, TagValue] = Field(default_factory=dict, max_length=50)


class ForkRequest(BaseModel):
    """How a task shall be forked; an empty object takes all that was recorded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: int | None = Field(
        default=None,
        ge=1,
        le=MOST,
        description="Number of the last event that counts; what came later is done anew. Unset: the last.",
    )
    budget: Budget = Field(
        default=Budget(), description="Limits that replace the task's own; those that are left out stay."
    )
    tags: dict[TagName, TagValue] | None = Field(
        default=None, max_length=50, description="Unset: those of the task."
    )
    replay: bool = Field(
        default=False, description="Make no call: an agent whose next one is not recorded fails."
    )


class Decision(BaseModel):
    """What a person decides about a call."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decision: Literal["approve", "deny"]
    arguments: dict[str, JsonValue] | None = Field(
        default=None, description="In place of the agent's; they must fit the tool."
    )
    note: str | None = Field(
        default=None, min_length=1, max_length=2000, description="For the agent to read."
    )


class NewMessage(BaseModel):
    """What a person says to a task that runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: MessageKind = Field(
        description="`add` a step, `revise` or `retract` the step named, `ask` how the work stands, or `say` "
        "it in your own words."
    )
    node: str | None = Field(
        default=None,
        min_length=1,
        max_length=64,
        description="The step it is about, by its key or id in the tree; without one, the task as a whole.",
    )
    text: str = Field(
        default="",
        max_length=4000,
        description="The question of the step added or revised, what is asked or said; for `retract`, why.",
    )

    @model_validator(mode="after")
    def _fits_its_kind(self) -> NewMessage:
        if self.kind in {"revise", "retract"} and self.node is None:
            raise ValueError(f"{self.kind} is about one step: name it in node, by its key in the tree")
        if self.kind != "retract" and not printable(self.text).strip():
            raise ValueError(f"say in text what to {self.kind}")
        return self


class Page(View, Generic[T]):
    data: tuple[T, ...]
    next_cursor: str | None
    has_more: bool
