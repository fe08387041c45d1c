"""The answer to a task."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from core.errors import BudgetLimit


class Citation(BaseModel):
    """A place the answer rests on; `quote` is an exact substring of the file's text there.

    For PDF and HTML that is the extracted text, as the tools show it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    line: int = Field(ge=1)
    quote: str
    page: int | None = Field(default=None, ge=1, description="Of a PDF; its lines are those of its text.")


class Answer(BaseModel):
    """`output` is set, and matches the task's schema, when the task has one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    citations: tuple[Citation, ...] = ()
    output: JsonValue = None
    partial: bool = False
    notes: tuple[str, ...] = Field(default=(), description="What was skipped or left out, and why.")
    limit: BudgetLimit | None = Field(
        default=None, description="The limit of a grant that cut the work short, where one did."
    )
