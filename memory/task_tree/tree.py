"""A task's tree as it is read: the active nodes, and the log that can rebuild any earlier state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from core.errors import NotFound
from core.ids import NodeId, TaskId
from memory.task_tree.model import Diff, Node, Revision


@dataclass(frozen=True, kw_only=True)
class Tree:
    """The tree at revision `head`. `nodes` holds the active ones, oldest first."""

    task: TaskId
    head: int
    nodes: tuple[Node, ...]
    revisions: tuple[Revision, ...] = ()

    @cached_property
    def by_id(self) -> Mapping[NodeId, Node]:
        return {node.id: node for node in self.nodes}

    def find(self, key: str) -> Node | None:
        """The active node with this key."""
        return self._by_key.get(key)

    def get(self, node_id: NodeId) -> Node:
        """The active node with this id.

        Raises:
            NotFound: it is retired, or was never here.
        """
        node = self.by_id.get(node_id)
        if node is None:
            raise NotFound(f"task {self.task} has no active node {node_id}")
        return node

    def path(self, node_id: NodeId) -> tuple[Node, ...]:
        """From the root of the plan down to the node."""
        path = [self.get(node_id)]
        while (parent := path[-1].parent) is not None and parent in self.by_id:
            path.append(self.by_id[parent])
        return tuple(reversed(path))

    def ready(self) -> tuple[Node, ...]:
        """What can run now: pending or stale, with every dependency done."""
        return tuple(
            node
            for node in self.nodes
            if node.status in {"pending", "stale"}
            and all(self.get(dependency).status == "done" for dependency in node.depends_on)
        )

    def dependents(self, node_id: NodeId) -> tuple[Node, ...]:
        """All active nodes that rest on this one, at any remove; oldest first."""
        found = {node_id}
        grown = True
        while grown:
            more = {node.id for node in self.nodes if node.id not in found and found & {*node.rests_on}}
            found |= more
            grown = bool(more)
        return tuple(node for node in self.nodes if node.id in found and node.id != node_id)

    def advanced(self, diff: Diff) -> Tree:
        """The tree after a change that was applied to it."""
        nodes = {**self.by_id, **{node.id: node for node in diff.changed}}
        return Tree(
            task=self.task,
            head=max(self.head, diff.head),
            nodes=oldest_first(node for node in nodes.values() if node.retired_rev is None),
        )

    def rewound(self, later: Sequence[Revision]) -> Tree:
        """The tree before its last revisions, all of which are given, oldest first."""
        if not later:
            return self
        before: dict[NodeId, Node | None] = {}
        for revision in later:
            before.setdefault(revision.after.id, revision.before)
        nodes = {**self.by_id, **before}
        return Tree(
            task=self.task,
            head=later[0].rev - 1,
            nodes=oldest_first(node for node in nodes.values() if node is not None),
        )

    def at(self, revision: int) -> Tree:
        """The tree as it was after a revision, rebuilt from the log."""
        return replay(self.task, [entry for entry in self.revisions if entry.rev <= revision])

    @cached_property
    def _by_key(self) -> Mapping[str, Node]:
        return {node.key: node for node in self.nodes}


def replay(task: TaskId, revisions: Sequence[Revision]) -> Tree:
    """The tree that these revisions, oldest first, lead to."""
    latest = {revision.after.id: revision.after for revision in revisions}
    return Tree(
        task=task,
        head=revisions[-1].rev if revisions else 0,
        nodes=oldest_first(node for node in latest.values() if node.retired_rev is None),
        revisions=tuple(revisions),
    )


def oldest_first(nodes: Iterable[Node]) -> tuple[Node, ...]:
    return tuple(sorted(nodes, key=lambda node: node.created_rev))
