"""Episodes and insights: what a finished task leaves behind."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.ids import AgentId, RecordId, TaskId, TenantId
from core.provenance import Provenance, Trust
from memory.guard.model import Action, RecordState

Outcome = Literal["done", "failed", "cancelled"]

UtteranceKind = Literal["goal", "plan", "brief", "call", "return", "answer"]

InsightKind = Literal["procedure", "advice"]

RetiredFor = Literal["harm", "worth", "superseded"]
"""Tasks shown it ended worse than those it was held out of; it mostly fails; another took its place."""

MAX_ACTIONS = 500
MAX_STEPS = 200
"""What of a task's actions and steps an episode keeps, from the start; a longer tail adds no lesson."""

GOAL_CHARACTERS = 2_000
CONCLUSION_CHARACTERS = 2_000
TITLE_CHARACTERS = 200
FAIL_REASON_CHARACTERS = 300
ADVICE_CHARACTERS = 300

MAX_UTTERANCES = 200
UTTERANCE_CHARACTERS = 500

DEFAULT_SCOPE = "tenant"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Model):
    """A step of the plan as it ended."""

    title: str
    status: str = Field(max_length=20)


class Utterance(_Model):
    """What one agent said or did. `causes` are the places of earlier utterances it came of."""

    agent: AgentId | None = None
    role: str = Field(max_length=20)
    kind: UtteranceKind
    content: str
    causes: tuple[int, ...] = ()


class FinishedTask(_Model):
    """What the orchestrator tells memory about a task that ended.

    `origin` is whose word it is, for the rule of one record per origin: the principal that submitted
    the task. `actions` are the platform's own record, in order. `reward` is how well it ended, 0 to 1;
    without one nothing that was shown is credited. `cited` are the recalled records it made use of.
    """

    tenant: TenantId
    task: TaskId
    goal: str
    outcome: Outcome
    origin: str = Field(min_length=1, max_length=200)
    scope: str = Field(default=DEFAULT_SCOPE, min_length=1, max_length=100)
    steps: tuple[Step, ...] = ()
    actions: tuple[Action, ...] = ()
    conclusion: str | None = None
    utterances: tuple[Utterance, ...] = ()
    cited: frozenset[RecordId] = frozenset()
    reward: float | None = Field(default=None, ge=0, le=1)
    provenance: Provenance

    @model_validator(mode="after")
    def _one_tenant(self) -> FinishedTask:
        if self.provenance.tenant != self.tenant:
            raise ValueError("the provenance names another tenant")
        if any(cause >= seq for seq, one in enumerate(self.utterances) for cause in one.causes):
            raise ValueError("an utterance comes before its cause")
        return self


class Episode(_Model):
    """A finished task as memory keeps it.

    `key_steps` and `fail_reason` are its condensed trajectory, once it is condensed; `utility` is how well
    tasks end that are shown it.
    """

    id: RecordId
    task: TaskId
    scope: str
    goal: str
    outcome: Outcome
    origin: str
    steps: tuple[Step, ...]
    actions: tuple[Action, ...]
    conclusion: str | None
    provenance: Provenance
    state: RecordState
    reasons: tuple[str, ...] = ()
    reward: float | None = None
    procedure: tuple[str, ...] = ()
    key_steps: tuple[str, ...] = ()
    fail_reason: str | None = None
    cluster: UUID | None = None
    utility: float = 0.5

    @property
    def trust(self) -> Trust:
        """A model had a part in it where it says why the task failed."""
        return min(self.provenance.trust, Trust.DERIVED) if self.fail_reason else self.provenance.trust


class Procedure(_Model):
    """The order of tools that worked: each once, where it was first used."""

    tools: tuple[str, ...]


class Insight(_Model):
    """A generalisation over episodes; `origins` are those of the episodes that support it, up to a bound.

    `trusted_origins` are those of episodes in which nothing untrusted had a part. A procedure has a pattern
    and a text that follows from it and its counts; advice is text by a model.
    `version` counts the texts it and those it superseded had.
    """

    id: RecordId
    kind: InsightKind
    scope: str
    cluster: UUID | None = None
    about: str
    text: str
    pattern: Procedure | None = None
    supports: int = 0
    contradictions: int = 0
    alpha: float = 1.0
    beta: float = 1.0
    utility: float = 0.5
    version: int = 1
    state: RecordState
    provenance: Provenance
    origins: tuple[str, ...] = ()
    trusted_origins: tuple[str, ...] = ()

    @property
    def worth(self) -> float:
        """The mean of its Beta counts: evidence of episodes, and credit of the tasks that were shown it."""
        return self.alpha / (self.alpha + self.beta)

    @property
    def accord(self) -> float:
        """How far episodes agree with it, 0 to 1; what became of tasks that were shown it has no say here."""
        return (1 + self.supports) / (2 + self.supports + self.contradictions)


class Learned(_Model):
    """What memory made of a finished task; the same whenever the task is learned again.

    `retired` are insights that its credit ended; they are named once, when that happens.
    """

    episode: RecordId
    state: RecordState
    reasons: tuple[str, ...]
    similar: tuple[RecordId, ...]
    insights: tuple[RecordId, ...]
    cluster: UUID | None = None
    retired: tuple[RecordId, ...] = ()
    repeated: bool = False
