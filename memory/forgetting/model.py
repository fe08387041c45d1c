"""What shall be forgotten, and the receipt for it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from memory.guard.model import RecordKind


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Wanted(_Model):
    """What shall be forgotten: one record, or all that came of a task, of a key, or before a date."""

    kind: RecordKind | None = Field(default=None, description="Of the record.")
    id: UUID | None = Field(default=None, description="The record's.")
    task: UUID | None = Field(default=None, description="All that memory has of this task.")
    key: UUID | None = Field(default=None, description="All that this API key gave to memory.")
    before: AwareDatetime | None = Field(default=None, description="All that is older.")

    @model_validator(mode="after")
    def _one(self) -> Wanted:
        if (self.kind is None) != (self.id is None):
            raise ValueError("a record is named by its kind and its id")
        if sum(each is not None for each in (self.id, self.task, self.key, self.before)) != 1:
            raise ValueError("say one thing that shall be forgotten: a record, a task, a key or a date")
        return self


class Selection(_Model):
    """The same as rows are chosen by it; `expired` are records whose time is over."""

    episodes: tuple[UUID, ...] = ()
    insights: tuple[UUID, ...] = ()
    notes: tuple[UUID, ...] = ()
    task: UUID | None = None
    key: UUID | None = None
    before: datetime | None = None


class Counts(_Model):
    """How much went; `recomputed` are insights that stand on what is left."""

    episodes: int = 0
    insights: int = 0
    notes: int = 0
    utterances: int = 0
    recomputed: int = 0


class Forgotten(_Model):
    """A record a receipt is about: `asked` for, or `derived` from one that was.

    `digest` is the SHA-256 of its row as it was, in hex.
    """

    kind: RecordKind
    id: UUID
    because: Literal["asked", "derived"]
    fate: Literal["deleted", "recomputed"]
    digest: str


class Receipt(_Model):
    """What was forgotten, without any of its text.

    `shown_to` are tasks whose agents were shown one of the records: their traces still tell of it. `by` is
    the key that asked; none where records were kept for their time.
    """

    id: UUID
    at: datetime
    by: UUID | None
    wanted: dict[str, str]
    counts: Counts
    records: tuple[Forgotten, ...]
    shown_to: tuple[UUID, ...]


class Remains(_Model):
    """Something of a forgotten record that is still there."""

    kind: RecordKind
    id: UUID
    where: Literal["rows", "lineage", "index"]


class Proof(_Model):
    """What a look through the tables and the index found of a receipt's deleted records."""

    receipt: UUID
    checked: int
    remains: tuple[Remains, ...]

    @property
    def complete(self) -> bool:
        return not self.remains
