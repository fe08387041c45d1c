"""Records as they are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from core.ids import RecordId
from core.provenance import Provenance
from memory.guard.model import Action, Candidate, RecordState

TrustName = Literal["untrusted", "derived", "user", "operator", "platform"]
"""Names of `core.provenance.Trust`, lowest first."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Record(_Model):
    """`trust` is that of its least trusted source."""

    id: UUID
    scope: str
    state: RecordState
    trust: TrustName
    provenance: Provenance
    created_at: datetime


class Step(_Model):
    title: str
    status: str


class EpisodeRecord(_Record):
    """A finished task as memory keeps it.

    `origin` is whose word it is; `reasons` are what the write gate found; `utility` is how well tasks end
    that are shown it, 0 to 1.
    """

    kind: Literal["episode"] = "episode"
    task: UUID
    origin: str
    reasons: tuple[str, ...]
    goal: str
    outcome: Literal["done", "failed", "cancelled"]
    conclusion: str | None
    steps: tuple[Step, ...]
    actions: tuple[Action, ...]
    key_steps: tuple[str, ...]
    fail_reason: str | None
    reward: float | None
    utility: float

    @property
    def title(self) -> str:
        return self.goal

    @property
    def text(self) -> str:
        return self.conclusion or ""

    def candidate(self, similarity: float) -> Candidate:
        """As the read guard sees it."""
        return Candidate(
            id=RecordId(self.id),
            kind=self.kind,
            origin=self.origin,
            similarity=similarity,
            state=self.state,
            trust=self.provenance.trust,
            texts=(self.goal, *(step.title for step in self.steps), *self.key_steps, self.text),
            actions=self.actions,
        )


class InsightRecord(_Record):
    """A generalisation over episodes, and `origins` those of the episodes that support it.

    `worth` is the mean of its Beta counts, `utility` how well tasks end that are shown it; both 0 to 1.
    """

    kind: Literal["insight"] = "insight"
    form: Literal["procedure", "advice"]
    about: str
    text: str
    origins: tuple[str, ...]
    supports: int
    contradictions: int
    worth: float
    utility: float
    version: int
    retired_for: str | None
    superseded_by: UUID | None
    updated_at: datetime

    @property
    def origin(self) -> str:
        return ", ".join(self.origins)

    @property
    def title(self) -> str:
        return self.about

    def candidate(self, similarity: float) -> Candidate:
        """As the read guard sees it."""
        return Candidate(
            id=RecordId(self.id),
            kind=self.kind,
            origin=self.origin,
            similarity=similarity,
            state=self.state,
            trust=self.provenance.trust,
            texts=(self.about, self.text),
            worth=(1 + self.supports) / (2 + self.supports + self.contradictions),
            voice=str(self.id),
        )


class NoteRecord(_Record):
    """A text that somebody gave to memory.

    `thread` and `position` say where it stood among others, `at` when.
    """

    kind: Literal["note"] = "note"
    origin: str
    reasons: tuple[str, ...]
    text: str
    source: str
    thread: str | None
    position: int | None
    at: datetime | None
    expires_at: datetime | None

    @property
    def title(self) -> str:
        return self.source

    def candidate(self, similarity: float) -> Candidate:
        """As the read guard sees it."""
        return Candidate(
            id=RecordId(self.id),
            kind=self.kind,
            origin=self.origin,
            similarity=similarity,
            state=self.state,
            trust=self.provenance.trust,
            texts=(self.text,),
            voice=str(self.id) if self.state == "active" else None,
        )


Record = Annotated[EpisodeRecord | InsightRecord | NoteRecord, Field(discriminator="kind")]
