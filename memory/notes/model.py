"""Notes as they are given, and as memory keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from core.ids import RecordId
from core.provenance import Provenance
from memory.guard.model import RecordState
from memory.guard.write import screen

NOTE_CHARACTERS = 8_000
SOURCE_CHARACTERS = 200
THREAD_CHARACTERS = 200

_LIMITS: Mapping[str, int] = {
    "text": NOTE_CHARACTERS,
    "source": SOURCE_CHARACTERS,
    "thread": THREAD_CHARACTERS,
}


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class NewNote(_Model):
    """A note about to be written. `origin` is whose word it is: `user:KEY` or `import:KEY`."""

    id: RecordId
    scope: str = Field(min_length=1, max_length=100)
    text: str = Field(min_length=1, max_length=NOTE_CHARACTERS)
    thread: str | None = Field(default=None, max_length=THREAD_CHARACTERS)
    position: int | None = Field(default=None, ge=0, le=2**31 - 1)
    at: AwareDatetime | None = None
    source: str = Field(default="", max_length=SOURCE_CHARACTERS)
    origin: str = Field(min_length=1, max_length=200)
    provenance: Provenance
    expires_at: AwareDatetime | None = None

    def screened(self) -> Note:
        """As the write gate lets it in."""
        texts = {"text": self.text, "source": self.source, "thread": self.thread or ""}
        verdict = screen(texts, trust=self.provenance.trust, limits=_LIMITS)
        return Note(
            id=self.id,
            scope=self.scope,
            text=verdict.texts["text"],
            thread=verdict.texts["thread"] or None,
            position=self.position,
            at=self.at,
            source=verdict.texts["source"],
            origin=self.origin,
            provenance=self.provenance,
            state=verdict.state,
            reasons=verdict.reasons,
            expires_at=self.expires_at,
        )


class Note(_Model):
    """A note as memory keeps it. `thread` and `position` say where it stood among others, `at` when."""

    id: RecordId
    scope: str
    text: str
    thread: str | None
    position: int | None
    at: datetime | None
    source: str
    origin: str
    provenance: Provenance
    state: RecordState
    reasons: tuple[str, ...] = ()
    created_at: datetime | None = None
    expires_at: datetime | None = None

    def says_the_same(self, other: Note) -> bool:
        """Whether the same was given, by whomever and whenever."""
        return all(
            getattr(self, name) == getattr(other, name)
            for name in ("scope", "text", "thread", "position", "at", "source")
        )
