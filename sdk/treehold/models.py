"""What the server says, as models. Fields this version does not know are ignored."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PrivateAttr

T = TypeVar("T")

TaskStatus = Literal["running", "done", "failed", "cancelled"]
MessageKind = Literal["add", "revise", "retract", "ask"]


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Budget(Model):
    """Limits of a task; `None` means no limit of its own, zero means zero. `cost` is micro-dollars."""

    tokens: int | None = None
    cost: int | None = None
    tool_calls: int | None = None
    depth: int = 4
    fanout: int = 8
    model_calls: int = 24
    seconds: float | None = None


class Usage(Model):
    """`cost` is micro-dollars."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    cost: int = 0
    model_calls: int = 0
    tool_calls: int = 0

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


class ModelDescription(Model):
    """Which model answers. `offline` says that rules, not a language model, made the text."""

    name: str
    provider: str
    offline: bool
    base_url: str | None = None


class Failure(Model):
    code: str
    message: str


class Citation(Model):
    """`quote` is an exact substring of the file's text at `line`; `page` is known of a PDF."""

    file: str
    line: int
    quote: str
    page: int | None = None


class Answer(Model):
    """`limit` names the limit that cut the work short, where one did."""

    text: str
    citations: tuple[Citation, ...] = ()
    output: JsonValue = None
    partial: bool = False
    limit: str | None = None
    notes: tuple[str, ...] = ()


class Task(Model, Generic[T]):
    """A task as it stood when it was read. `Task[Report]` knows that its output will be a `Report`."""

    id: UUID
    goal: str
    status: str
    stop_reason: str | None = None
    workspace: str | None = None
    output_schema: dict[str, JsonValue] | None = None
    budget: Budget
    model: ModelDescription
    tags: dict[str, str] = Field(default_factory=dict)
    answer: Answer | None = None
    error: Failure | None = None
    usage: Usage
    agents: int
    created_at: datetime
    finished_at: datetime | None = None
    cancel_requested: bool = False
    last_event: int = 0

    _output_type: type[BaseModel] | None = PrivateAttr(default=None)

    @property
    def finished(self) -> bool:
        return self.status != "running"

    @property
    def output_type(self) -> type[BaseModel] | None:
        """The model the output was asked in, where this client asked."""
        return self._output_type

    def expecting(self, output: type[BaseModel] | None) -> Task[T]:
        """The same task, with the output read as this model."""
        task = self.model_copy()
        task._output_type = output  # noqa: SLF001 - our own copy
        return task


class Agent(Model):
    id: UUID
    parent: UUID | None
    depth: int
    position: int
    role: str
    title: str
    status: str
    waiting_on: str | None
    turns: int
    lost_turns: int
    usage: Usage
    granted_tokens: int | None
    reserved_tokens: int
    seconds: float
    returned: JsonValue = None
    error: Failure | None = None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class Node(Model):
    """A step of the plan."""

    id: UUID
    parent: UUID | None
    key: str
    title: str
    status: str
    agent: UUID | None
    depends_on: tuple[UUID, ...]
    revision: int


class Tree(Model):
    task: Task[JsonValue]
    agents: tuple[Agent, ...]
    nodes: tuple[Node, ...]


class Event(Model):
    """`seq` rises by one within a task."""

    seq: int
    at: datetime
    kind: str
    task: UUID
    agent: UUID | None
    data: dict[str, JsonValue]


class Call(Model):
    """What an agent asked of a model, a tool or memory, and what came of it."""

    id: UUID
    agent: UUID
    position: int
    kind: str
    name: str
    effect: str
    state: str
    request: JsonValue
    outcome: JsonValue
    usage: Usage
    attempts: int
    started_at: datetime
    finished_at: datetime | None


class Message(Model):
    """What was said to a task while it ran, and what came of it.

    `number` rises by one within a task; `status` is pending, taken, applied or refused; `applied_at_event` is
    the number of the event at which it took effect, `reply` what a question was answered with, and `error`
    why it takes no effect.
    """

    id: UUID
    number: int
    kind: str
    node: UUID | None
    node_key: str | None
    text: str
    status: str
    agent: UUID
    applied_at_event: int | None = None
    reply: str | None = None
    error: Failure | None = None
    created_at: datetime
    concluded_at: datetime | None = None

    @property
    def concluded(self) -> bool:
        return self.status in {"applied", "refused"}


class Artifact(Model):
    id: UUID
    task: UUID
    agent: UUID | None
    name: str
    media_type: str
    size: int
    sha256: str
    tainted: bool
    created_at: datetime


class Page(Model, Generic[T]):
    data: tuple[T, ...]
    next_cursor: str | None = None
    has_more: bool = False
