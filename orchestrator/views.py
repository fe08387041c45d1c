"""What the faces show: read-only models, the same words in REST, SDK, command line and viewer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from agents.answer import Answer
from agents.ports import MessageKind
from core.events import EventKind
from core.grant import Budget
from core.text import printable
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
    reply: str | None = Field(description="What a question was answered with. A model's words.")
    error: Problem | None = Field(description="Why it takes no effect.")
    created_at: datetime
    concluded_at: datetime | None


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


class NewMessage(BaseModel):
    """What a person says to a task that runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: MessageKind = Field(
        description="`add` a step, `revise` or `retract` the step named, or `ask` how the work stands."
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
        description="The question of the step added or revised, or what is asked; for `retract`, why.",
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
