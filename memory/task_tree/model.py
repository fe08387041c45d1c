"""Nodes of a task's tree, and the revisions that made them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from core.ids import AgentId, NodeId, TaskId
from core.provenance import Provenance

NodeStatus = Literal["pending", "running", "done", "failed", "stale", "retired"]

RevisionKind = Literal[
    "create",
    "set_value",
    "set_status",
    "substitute",
    "rollback",
    "retire",
    "link",
    "share",
    "mark_stale",
    "unlink",
]
"""The operations, and the two consequences the applier writes itself: `mark_stale` and `unlink`."""

CONTENT_CHANGES: frozenset[RevisionKind] = frozenset(
    {"create", "set_value", "substitute", "rollback", "share"}
)
"""Revisions that may change a node's title or value: what a rollback can go back to."""


class Node(BaseModel):
    """One step of the plan. Its identity is `id`; `key` names it among the active nodes of its task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: NodeId
    key: str
    title: str
    status: NodeStatus
    value: JsonValue = None
    provenance: Provenance
    parent: NodeId | None = None
    depends_on: tuple[NodeId, ...] = ()
    shares: NodeId | None = None
    """The step whose work this one has a part in, because it is the same work."""
    agent: AgentId | None = None
    created_rev: int
    retired_rev: int | None = None

    @property
    def tainted(self) -> bool:
        return self.provenance.tainted

    @property
    def rests_on(self) -> tuple[NodeId, ...]:
        """Whose changes make it stale: what it depends on, and the step whose work it shares."""
        return self.depends_on if self.shares is None else (*self.depends_on, self.shares)


class Revision(BaseModel):
    """One change to one node; `before` is absent where the node was made."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: TaskId
    rev: int
    op: RevisionKind
    before: Node | None
    after: Node
    caused_by: int | None = None
    restores: int | None = None
    actor: str
    change_id: str
    at: datetime


class Diff(BaseModel):
    """What one change committed: the revisions after `base` up to `head`.

    `replayed` says that the change had been applied before, and nothing was written now.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: TaskId
    change_id: str
    base: int
    head: int
    revisions: tuple[Revision, ...]
    replayed: bool = False

    @property
    def changed(self) -> tuple[Node, ...]:
        """Every node this change touched, as it stands after the change."""
        return tuple({revision.after.id: revision.after for revision in self.revisions}.values())

    @property
    def stale(self) -> tuple[Node, ...]:
        """The nodes this change left to be done again."""
        return tuple(node for node in self.changed if node.status == "stale")
