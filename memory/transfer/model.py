"""Lines of an export, version 1. Of what a line says, an import believes the least that is safe."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from memory.catalogue.model import Step, TrustName
from memory.guard.model import Action, RecordKind, RecordState
from memory.insight_graph.model import MAX_ACTIONS, MAX_STEPS, Procedure
from memory.notes import NOTE_CHARACTERS, SOURCE_CHARACTERS, THREAD_CHARACTERS

SCHEMA_VERSION = 1


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Header(_Model):
    """The first line. Without one, lines are taken as of this version."""

    kind: Literal["header"] = "header"
    schema_version: int
    at: AwareDatetime | None = None


class _Line(_Model):
    scope: str | None = None
    state: RecordState = "active"
    trust: TrustName = "user"
    created_at: AwareDatetime | None = None


class EpisodeLine(_Line):
    kind: Literal["episode"] = "episode"
    id: UUID
    task: UUID
    origin: str = Field(default="", max_length=200)
    goal: str = Field(min_length=1)
    outcome: Literal["done", "failed", "cancelled"]
    conclusion: str | None = None
    steps: tuple[Step, ...] = Field(default=(), max_length=MAX_STEPS)
    actions: tuple[Action, ...] = Field(default=(), max_length=MAX_ACTIONS)
    key_steps: tuple[str, ...] = Field(default=(), max_length=50)
    fail_reason: str | None = None


class InsightLine(_Line):
    kind: Literal["insight"] = "insight"
    id: UUID
    form: Literal["procedure", "advice"]
    about: str = Field(min_length=1)
    text: str = Field(min_length=1)
    pattern: Procedure | None = None
    supports: tuple[UUID, ...] = Field(default=(), max_length=10_000)
    contradicts: tuple[UUID, ...] = Field(default=(), max_length=10_000)


class NoteLine(_Line):
    """`id` may be left out: it follows from the rest, so that the same line is the same note."""

    kind: Literal["note"] = "note"
    id: UUID | None = None
    origin: str = Field(default="", max_length=200)
    text: str = Field(min_length=1, max_length=NOTE_CHARACTERS)
    source: str = Field(default="", max_length=SOURCE_CHARACTERS)
    thread: str | None = Field(default=None, max_length=THREAD_CHARACTERS)
    position: int | None = Field(default=None, ge=0, le=2**31 - 1)
    at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None


RecordLine = EpisodeLine | InsightLine | NoteLine
Line = Annotated[Header | EpisodeLine | InsightLine | NoteLine, Field(discriminator="kind")]


class BadLine(_Model):
    """A line that was not taken in; numbers begin with 1."""

    line: int
    message: str


class Imported(_Model):
    """What became of the lines. `known` were here already; `held` came in, and are kept out of prompts."""

    imported: dict[RecordKind, int]
    known: int
    held: int
    errors: tuple[BadLine, ...]
