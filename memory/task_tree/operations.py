"""The typed operations by which a tree changes; nodes are named by their keys."""

from __future__ import annotations

from typing import Annotated, Literal

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    TypeAdapter,
)

from core.ids import AgentId
from core.text import clipped, printable

TITLE_CHARACTERS = 200
VALUE_BYTES = 64 * 1024
"""A node's value is copied into each revision of it; larger results belong in an artifact."""


def _one_line(text: str) -> str:
    line = clipped(" ".join(printable(text).split()), TITLE_CHARACTERS)
    if not line:
        raise ValueError("a title needs at least one visible character")
    return line


def _storable(value: JsonValue) -> JsonValue:
    """The value as JSON storage gives it back."""
    try:
        encoded = orjson.dumps(value)
    except (orjson.JSONEncodeError, RecursionError) as error:
        raise ValueError(f"the value cannot be written as JSON: {error}") from error
    if len(encoded) > VALUE_BYTES:
        raise ValueError(f"the value takes {len(encoded)} bytes, over the {VALUE_BYTES} allowed")
    if b"\\u0000" in encoded:
        raise ValueError("the value holds a NUL character")
    return orjson.loads(encoded)


Key = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
"""Short and unique among a task's active nodes."""

Title = Annotated[str, AfterValidator(_one_line)]
Value = Annotated[JsonValue, AfterValidator(_storable)]


class _Operation(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Create(_Operation):
    """Add a step; it is pending, or done where its value is already known."""

    op: Literal["create"] = "create"
    key: Key
    title: Title
    parent: Key | None = None
    depends_on: tuple[Key, ...] = Field(default=(), max_length=1000)
    value: Value = None
    agent: AgentId | None = None


class SetValue(_Operation):
    """Give a step a value; its status stays, its dependents become stale."""

    op: Literal["set_value"] = "set_value"
    node: Key
    value: Value


class SetStatus(_Operation):
    """Move a step along, and say who works on it. A stale step must run again before it can be done."""

    op: Literal["set_status"] = "set_status"
    node: Key
    status: Literal["pending", "running", "done", "failed"]
    agent: AgentId | None = None


class Substitute(_Operation):
    """Put another step in the place of this one: same links, another title, its value known or pending."""

    op: Literal["substitute"] = "substitute"
    node: Key
    title: Title
    value: Value = None


class Rollback(_Operation):
    """Give a step back the title and value it had.

    `to` is a revision of the tree, 'original' (its first value) or 'previous' (undo; undoing twice goes
    two changes back).
    """

    op: Literal["rollback"] = "rollback"
    node: Key
    to: int | Literal["original", "previous"] = "previous"


class Retire(_Operation):
    """Take a step and all below it out of the plan; the log keeps them."""

    op: Literal["retire"] = "retire"
    node: Key


class Prune(_Operation):
    """Take all below a step out of the plan, and keep the step: it is planned anew."""

    op: Literal["prune"] = "prune"
    node: Key


class Link(_Operation):
    """Make a step depend on another."""

    op: Literal["link"] = "link"
    node: Key
    depends_on: Key


class Share(_Operation):
    """Give a step the status, value and worker of another whose work is the same.

    The other's changes make it stale. It shares until it is sent out by itself, or asked for something else.
    """

    op: Literal["share"] = "share"
    node: Key
    source: Key


Operation = Annotated[
    Create | SetValue | SetStatus | Substitute | Rollback | Retire | Prune | Link | Share,
    Field(discriminator="op"),
]

OPERATIONS: TypeAdapter[tuple[Operation, ...]] = TypeAdapter(tuple[Operation, ...])
"""Validates a list of operations from JSON."""
