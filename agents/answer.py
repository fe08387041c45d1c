"""The answer to a task."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, JsonValue


class Citation(BaseModel):
    """A place the answer rests on; `quote` is an exact substring of the file there."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    line: int = Field(ge=1)
    quote: str


class Answer(BaseModel):
    """`output` is set, and matches the task's schema, when the task has one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    citations: tuple[Citation, ...] = ()
    output: JsonValue = None
    partial: bool = False
    notes: tuple[str, ...] = Field(default=(), description="What was skipped or left out, and why.")
