"""What the server says, as models. Fields this version does not know are ignored."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PrivateAttr

T = TypeVar("T")

TaskStatus = Literal["running", "done", "failed", "cancelled"]
ApprovalStatus = Literal["pending", "approved", "denied", "expired", "withdrawn"]
MessageKind = Literal["add", "revise", "retract", "ask", "say"]


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
    paused: bool = False
    last_event: int = 0
    forked_from: UUID | None = None
    forked_at: int | None = None

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
    shares: UUID | None = None
    """The step whose work it has a part in, because it is the same work."""
    revision: int


class Tree(Model):
    """`nodes` are those of `revision`; task and agents are as they stand."""

    task: Task[JsonValue]
    agents: tuple[Agent, ...]
    nodes: tuple[Node, ...]
    revision: int = 0


class Revision(Model):
    """One change to one step of the plan; those with the same `change` were committed together."""

    revision: int
    op: str
    node: UUID
    key: str
    title: str
    status: str
    before: str | None
    value: JsonValue
    caused_by: int | None
    restores: int | None
    change: str
    actor: str
    at: datetime


class Unit(Model):
    """One account; `cost` is micro-dollars.

    Of what was granted (`None`: no limit), so much is held for calls in flight, handed on to children, spent.
    """

    unit: str
    granted: int | None
    reserved: int
    delegated: int
    spent: int

    @property
    def left(self) -> int | None:
        return None if self.granted is None else self.granted - self.reserved - self.delegated - self.spent


class Account(Model):
    """An agent's accounts. When an agent ends, what it spent counts as its parent's."""

    agent: UUID
    parent: UUID | None
    role: str
    title: str
    status: str
    units: tuple[Unit, ...]


class TaskBudget(Model):
    """The budget of a task as a tree of grants; the first account is the root's."""

    task: UUID
    accounts: tuple[Account, ...]


class Event(Model):
    """`seq` rises by one within a task."""

    seq: int
    at: datetime
    kind: str
    task: UUID
    agent: UUID | None
    data: dict[str, JsonValue]


class Call(Model):
    """What an agent asked of a model, a tool or memory, and what came of it.

    `replayed` calls of a fork were taken from the task it was forked from, and not made again.
    """

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
    replayed: bool = False
    started_at: datetime
    finished_at: datetime | None


class SinkEvidence(Model):
    """A value of a call on its way to a sensitive place.

    `at` is a JSON pointer into the arguments; `source` is user, allowed or unknown; `found_in` names the
    agent's calls whose results hold the value.
    """

    at: str
    sink: str
    value: str
    source: str
    found_in: tuple[str, ...] = ()


class Evidence(Model):
    """What there is to decide by.

    `tainted`, `trust` and `origins` are of all that the agent had read; `tainted_arguments` go to a sensitive
    place and are not the user's own words. The rest is known of a call whose outcome is not.
    """

    effect: str
    tainted: bool
    trust: str
    origins: tuple[str, ...] = ()
    tainted_arguments: tuple[str, ...] = ()
    arguments: tuple[SinkEvidence, ...] = ()
    attempts: int = 0
    started_at: datetime | None = None
    worker: str | None = None


class Approval(Model):
    """A call that waits for a person, or did.

    `kind` is `tool` (may it run?) or `unknown_outcome` (its worker was lost in it: shall it run again?).
    `fallback` is decided when nobody decides before `expires_at`; `edited` are the arguments in the place of
    `arguments`, if a person changed them.
    """

    id: UUID
    task: UUID
    agent: UUID
    role: str
    title: str
    kind: str
    tool: str
    arguments: JsonValue
    evidence: Evidence
    status: str
    fallback: str
    edited: JsonValue = None
    note: str | None = None
    decided_by: UUID | None = None
    requested_at: datetime
    expires_at: datetime
    decided_at: datetime | None = None


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
