"""What people may ask of memory; what it answers are its own records."""

from __future__ import annotations

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_validator

from core.scopes import TENANT
from core.text import printable
from memory.notes import NOTE_CHARACTERS, SOURCE_CHARACTERS, THREAD_CHARACTERS
from orchestrator.services.views import ScopeName, View


class GivenNote(BaseModel):
    """A text to be found again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str = Field(min_length=1, max_length=NOTE_CHARACTERS)
    id: UUID | None = Field(default=None, description="The same id and text again change nothing.")
    scope: ScopeName = Field(default=TENANT, description="Who may find it.")
    thread: str | None = Field(
        default=None, min_length=1, max_length=THREAD_CHARACTERS, description="What it is a part of."
    )
    position: int | None = Field(default=None, ge=0, le=2**31 - 1, description="Its place in the thread.")
    at: AwareDatetime | None = Field(default=None, description="When it was said or written.")
    source: str = Field(default="", max_length=SOURCE_CHARACTERS, description="Where it is from, in words.")
    expires_at: AwareDatetime | None = Field(default=None, description="When it is to be forgotten.")

    @field_validator("text")
    @classmethod
    def _says_something(cls, text: str) -> str:
        if not printable(text).strip():
            raise ValueError("the note is empty: say what shall be remembered")
        return text


class Feedback(BaseModel):
    """What somebody makes of a task's result."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    score: float = Field(ge=0, le=1, description="0 for worthless, 1 for just right.")
    note: str | None = Field(
        default=None, min_length=1, max_length=2000, description="Why; it is kept, and not recalled."
    )


class Judged(View):
    """What a task was taken for, and the insights that were retired by it."""

    task: UUID
    score: float
    retired: tuple[UUID, ...]
