"""Episodes and insights: what a finished task leaves behind."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.ids import RecordId, TaskId, TenantId
from core.provenance import Provenance
from memory.guard.model import Action, RecordState

Outcome = Literal["done", "failed", "cancelled"]

MAX_ACTIONS = 500
MAX_STEPS = 200
"""What of a task's actions and steps an episode keeps, from the start; a longer tail adds no lesson."""

GOAL_CHARACTERS = 2_000
CONCLUSION_CHARACTERS = 2_000
TITLE_CHARACTERS = 200

DEFAULT_SCOPE = "tenant"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Model):
    """A step of the plan as it ended."""

    title: str
    status: str = Field(max_length=20)


class FinishedTask(_Model):
    """What the orchestrator tells memory about a task that ended.

    `origin` is whose word it is, for the rule of one record per origin: the principal that submitted
    the task. `actions` are the platform's own record, in order.
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
    provenance: Provenance

    @model_validator(mode="after")
    def _one_tenant(self) -> FinishedTask:
        if self.provenance.tenant != self.tenant:
            raise ValueError("the provenance names another tenant")
        return self


class Episode(_Model):
    """A finished task as memory keeps it."""

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


class Procedure(_Model):
    """The order of tools that worked: each once, where it was first used."""

    tools: tuple[str, ...]


class Insight(_Model):
    """A generalisation over episodes; `origins` are those of the episodes that support it."""

    id: RecordId
    kind: Literal["procedure"]
    scope: str
    about: str
    text: str
    pattern: Procedure
    supports: int
    contradictions: int
    alpha: float
    beta: float
    version: int
    state: RecordState
    provenance: Provenance
    origins: tuple[str, ...] = ()

    @property
    def worth(self) -> float:
        """The mean of its Beta counts."""
        return self.alpha / (self.alpha + self.beta)


class Learned(_Model):
    """What memory made of a finished task; the same whenever the task is learned again."""

    episode: RecordId
    state: RecordState
    reasons: tuple[str, ...]
    similar: tuple[RecordId, ...]
    insights: tuple[RecordId, ...]
    repeated: bool = False
