"""What the faces show: read-only models, the same words in REST, SDK, command line and viewer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from agents.answer import Answer
from core.events import EventKind
from core.grant import Budget, Unit
from inference.model import ModelDescription

T = TypeVar("T")

TaskStatus = Literal["running", "done", "failed", "cancelled"]
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
    last_event: int


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
    revision: int


class TreeView(View):
    task: TaskView
    agents: tuple[AgentView, ...]
    nodes: tuple[NodeView, ...]


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
    started_at: datetime
    finished_at: datetime | None


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


Host = Annotated[str, Field(max_length=255)]
TagName = Annotated[str, Field(min_length=1, max_length=100)]
TagValue = Annotated[str, Field(max_length=500)]


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
    memory: bool = Field(
        default=True,
        description="Whether the task may recall what earlier ones taught, and teach later ones.",
    )
    tags: dict[TagName, TagValue] = Field(default_factory=dict, max_length=50)


class Page(View, Generic[T]):
    data: tuple[T, ...]
    next_cursor: str | None
    has_more: bool
