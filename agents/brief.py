"""What an agent is told at birth. A child gets this and its grant, and nothing else of its parent (law 1)."""

from __future__ import annotations

from typing import Literal, NewType

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from core.grant import Budget, Capabilities
from core.ids import NodeId
from core.provenance import Provenance
from memory.task_tree import PathEntry

Role = Literal["lead", "worker"]
"""A lead plans and spawns; a worker reads with tools and returns. The root agent is a lead."""

FileRef = NewType("FileRef", str)
"""A short id for a workspace file in prompts: `f1`, `f2`, …"""


class InputFile(BaseModel):
    """A workspace file an agent may be given. The path is untrusted text, bounded and escaped."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ref: FileRef
    path: str = Field(max_length=1024)
    kind: str
    size: int
    score: float = Field(default=0.0, description="How near its best passage is to the goal, 0 to 1.")
    pages: tuple[int, ...] = Field(default=(), description="Of a PDF: the lines its pages begin on.")


class Brief(BaseModel):
    """An agent's orders.

    `task_goal` is what the user wrote; `question` is this agent's part of it, in its parent's words.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task_goal: str
    question: str
    inputs: tuple[InputFile, ...] = ()
    path: tuple[PathEntry, ...] = Field(
        default=(), description="Its step of the task tree, and what that rests on; typed values only."
    )
    said: tuple[str, ...] = Field(
        default=(), description="What the user said of this step while the task ran, in their own words."
    )
    output_schema: dict[str, JsonValue] | None = Field(
        default=None, description="The root's alone: the schema the user's answer must match."
    )

    @property
    def users_words(self) -> tuple[str, ...]:
        return (self.task_goal, *self.said)


class ChildSpec(BaseModel):
    """A child to spawn: its orders, its part of the grant, and the schema its return must match."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    role: Role
    title: str
    brief: Brief
    capabilities: Capabilities
    budget: Budget
    return_schema: dict[str, JsonValue]
    node: NodeId | None
    shared_by: tuple[str, ...] = Field(
        default=(), description="Steps of the same work, by their keys: they get what this child returns."
    )
    provenance: Provenance
