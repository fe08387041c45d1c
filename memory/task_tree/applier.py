"""Applies operations to the active nodes of a tree: deterministic, without storage or clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import assert_never

import orjson
from pydantic import JsonValue

from core.ids import NodeId, TaskId, derived
from core.provenance import Provenance
from memory.task_tree.errors import OperationRefused, RefusalReason
from memory.task_tree.history import beneath, find_content, restored
from memory.task_tree.model import Diff, Node, Revision, RevisionKind
from memory.task_tree.operations import (
    Create,
    Link,
    Operation,
    Prune,
    Retire,
    Rollback,
    SetStatus,
    SetValue,
    Share,
    Substitute,
)

MAX_NODES = 20_000
"""Active nodes of one task; above this a plan is a mistake."""

MAX_OPERATIONS = 2_000
"""Operations of one change: an agent may spawn 1,000 children, each created and linked."""


class Applier:
    """One change over one tree: takes operations in order and keeps the revisions they made."""

    def __init__(
        self,
        *,
        task: TaskId,
        head: int,
        nodes: Mapping[NodeId, Node],
        history: Mapping[NodeId, Sequence[Revision]],
        actor: str,
        change_id: str,
        provenance: Provenance,
        at: datetime,
    ) -> None:
        self._task = task
        self._base = head
        self._nodes = dict(nodes)
        self._keys = {node.key: node.id for node in nodes.values()}
        self._dependents: dict[NodeId, set[NodeId]] = {}
        self._children: dict[NodeId, set[NodeId]] = {}
        for node in nodes.values():
            self._note_links(node)
        self._history = history
        self._actor = actor
        self._change_id = change_id
        self._provenance = provenance
        self._at = at
        self._revisions: list[Revision] = []
        self._position = 0
        self._refused_key = ""

    def run(self, operations: Sequence[Operation]) -> Diff:
        """Apply all, or raise.

        Raises:
            OperationRefused: an operation does not fit; nothing is to be committed.
        """
        if len(operations) > MAX_OPERATIONS:
            raise self._refusal("too_many_operations", f"over {MAX_OPERATIONS} in one change")
        for position, operation in enumerate(operations):
            self._position = position
            self._refused_key = operation.key if isinstance(operation, Create) else operation.node
            self._apply(operation)
        return Diff(
            task=self._task,
            change_id=self._change_id,
            base=self._base,
            head=self._base + len(self._revisions),
            revisions=tuple(self._revisions),
        )

    def _apply(self, operation: Operation) -> None:
        match operation:
            case Create():
                self._create(operation)
            case SetValue():
                self._set_value(operation)
            case SetStatus():
                self._set_status(operation)
            case Substitute():
                self._substitute(operation)
            case Rollback():
                self._roll_back(operation)
            case Retire():
                self._retire(self._find(operation.node))
            case Prune():
                self._prune(operation)
            case Link():
                self._link(operation)
            case Share():
                self._share(operation)
            case _:
                assert_never(operation)

    def _create(self, operation: Create) -> None:
        if operation.key in self._keys:
            raise self._refusal("key_taken", "an active node has this key")
        if len(self._nodes) >= MAX_NODES:
            raise self._refusal("too_many_nodes", f"the tree has {MAX_NODES} nodes already")
        depends_on = dict.fromkeys(self._find(key).id for key in operation.depends_on)
        node = Node(
            id=NodeId(derived(self._task, "node", self._change_id, self._position)),
            key=operation.key,
            title=operation.title,
            status="pending" if operation.value is None else "done",
            value=operation.value,
            provenance=self._provenance,
            parent=None if operation.parent is None else self._find(operation.parent).id,
            depends_on=tuple(depends_on),
            agent=operation.agent,
            created_rev=self._next_rev,
        )
        self._record("create", None, node)

    def _set_value(self, operation: SetValue) -> None:
        node = self._find(operation.node)
        changed = not _same(node.value, operation.value)
        if not changed and node.provenance == self._provenance:
            return
        after = node.model_copy(update={"value": operation.value, "provenance": self._provenance})
        rev = self._record("set_value", node, after)
        if changed:
            self._mark_dependents(node.id, caused_by=rev)

    def _set_status(self, operation: SetStatus) -> None:
        node = self._find(operation.node)
        if node.status == "stale" and operation.status == "done":
            raise self._refusal("stale_inputs", "its inputs changed since it ran; it must run again")
        shares = node.shares if operation.status in {"done", "failed"} else None
        after = node.model_copy(
            update={"status": operation.status, "agent": operation.agent or node.agent, "shares": shares}
        )
        if after != node:
            self._record("set_status", node, after)

    def _substitute(self, operation: Substitute) -> None:
        node = self._find(operation.node)
        after = node.model_copy(
            update={
                "title": operation.title,
                "value": operation.value,
                "status": "pending" if operation.value is None else "done",
                "provenance": self._provenance,
                "shares": None,
            }
        )
        if after != node or not _same(after.value, node.value):
            rev = self._record("substitute", node, after)
            self._mark_dependents(node.id, caused_by=rev)

    def _roll_back(self, operation: Rollback) -> None:
        node = self._find(operation.node)
        history = self._past(beneath(self._nodes, [node.id]))
        content = find_content(history[node.id], operation.to)
        if content is None:
            raise self._refusal("no_such_revision", f"nothing to go back to at {operation.to!r}")
        status, agent = restored(node, content, history, self._nodes)
        after = node.model_copy(
            update={
                "title": content.node.title,
                "value": content.node.value,
                "provenance": content.node.provenance,
                "status": status,
                "agent": agent,
            }
        )
        if not _same(after.value, node.value) or (after.title, after.provenance) != (
            node.title,
            node.provenance,
        ):
            rev = self._record("rollback", node, after, restores=content.rev)
            self._mark_dependents(node.id, caused_by=rev)

    def _past(self, nodes: Sequence[NodeId]) -> dict[NodeId, list[Revision]]:
        """All revisions of these nodes, those of this change too."""
        past = {node: [*self._history.get(node, ())] for node in nodes}
        for revision in self._revisions:
            if revision.after.id in past:
                past[revision.after.id].append(revision)
        return past

    def _prune(self, operation: Prune) -> None:
        for below in sorted(self._children.get(self._find(operation.node).id, ()), key=self._age):
            self._retire(self._nodes[below])

    def _retire(self, top: Node) -> None:
        branch = _reachable(top.id, self._children)
        going = set(branch)
        outside = [
            dependent
            for gone in branch
            for dependent in sorted(self._dependents.get(gone, ()), key=self._age)
            if dependent not in going
        ]
        cause: int | None = None
        for gone in branch:
            node = self._nodes[gone]
            after = node.model_copy(update={"status": "retired", "retired_rev": self._next_rev})
            rev = self._record("retire", node, after, caused_by=cause)
            cause = cause or rev
        for dependent in dict.fromkeys(outside):
            node = self._nodes[dependent]
            left = tuple(other for other in node.depends_on if other not in going)
            shares = None if node.shares in going else node.shares
            after = node.model_copy(update={"depends_on": left, "shares": shares})
            self._record("unlink", node, after, caused_by=cause)
            self._mark(dependent, caused_by=cause)
            self._mark_dependents(dependent, caused_by=cause)

    def _link(self, operation: Link) -> None:
        node, other = self._find(operation.node), self._find(operation.depends_on)
        if other.id in node.depends_on:
            return
        if other.id in _reachable(node.id, self._dependents):
            raise self._refusal("would_cycle", f"{other.key!r} depends on it already")
        after = node.model_copy(update={"depends_on": (*node.depends_on, other.id)})
        rev = self._record("link", node, after)
        self._mark(node.id, caused_by=rev)
        self._mark_dependents(node.id, caused_by=rev)

    def _share(self, operation: Share) -> None:
        node, source = self._find(operation.node), self._find(operation.source)
        if source.id in _reachable(node.id, self._dependents):
            raise self._refusal("would_cycle", f"{source.key!r} depends on it already")
        mirrored = ("status", "value", "agent", "provenance")
        after = node.model_copy(
            update={"shares": source.id, **{name: getattr(source, name) for name in mirrored}}
        )
        changed = not _same(after.value, node.value)
        if after != node or changed:
            rev = self._record("share", node, after)
            if changed:
                self._mark_dependents(node.id, caused_by=rev)

    def _mark_dependents(self, changed: NodeId, *, caused_by: int | None) -> None:
        for dependent in _reachable(changed, self._dependents)[1:]:
            self._mark(dependent, caused_by=caused_by)

    def _mark(self, node_id: NodeId, *, caused_by: int | None) -> None:
        node = self._nodes[node_id]
        if node.status in {"done", "running"}:
            self._record("mark_stale", node, node.model_copy(update={"status": "stale"}), caused_by=caused_by)

    def _record(
        self,
        op: RevisionKind,
        before: Node | None,
        after: Node,
        *,
        caused_by: int | None = None,
        restores: int | None = None,
    ) -> int:
        rev = self._next_rev
        self._revisions.append(
            Revision(
                task=self._task,
                rev=rev,
                op=op,
                before=before,
                after=after,
                caused_by=caused_by,
                restores=restores,
                actor=self._actor,
                change_id=self._change_id,
                at=self._at,
            )
        )
        if before is not None:
            self._forget_links(before)
        if after.retired_rev is None:
            self._nodes[after.id] = after
            self._keys[after.key] = after.id
            self._note_links(after)
        else:
            del self._nodes[after.id], self._keys[after.key]
        return rev

    def _note_links(self, node: Node) -> None:
        for other in node.rests_on:
            self._dependents.setdefault(other, set()).add(node.id)
        if node.parent is not None:
            self._children.setdefault(node.parent, set()).add(node.id)

    def _forget_links(self, node: Node) -> None:
        for other in node.rests_on:
            self._dependents[other].discard(node.id)
        if node.parent is not None:
            self._children[node.parent].discard(node.id)

    def _find(self, key: str) -> Node:
        node_id = self._keys.get(key)
        if node_id is None:
            raise self._refusal("unknown_node", f"no active node has the key {key!r}")
        return self._nodes[node_id]

    def _age(self, node_id: NodeId) -> int:
        return self._nodes[node_id].created_rev

    @property
    def _next_rev(self) -> int:
        return self._base + len(self._revisions) + 1

    def _refusal(self, reason: RefusalReason, message: str) -> OperationRefused:
        return OperationRefused(reason, position=self._position, key=self._refused_key, message=message)


def _reachable(start: NodeId, onward: Mapping[NodeId, set[NodeId]]) -> list[NodeId]:
    """`start` and all that can be reached from it, nearest first; ids break ties, so replays agree."""
    found = {start: None}
    waiting = deque([start])
    while waiting:
        for following in sorted(onward.get(waiting.popleft(), ())):
            if following not in found:
                found[following] = None
                waiting.append(following)
    return list(found)


def _same(one: JsonValue, other: JsonValue) -> bool:
    """Equal as JSON, where 1 is not true."""
    return orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(other, option=orjson.OPT_SORT_KEYS)
