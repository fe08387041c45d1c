"""A node's past contents, and which of them a rollback means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import orjson

from core.ids import AgentId, NodeId
from memory.task_tree.model import CONTENT_CHANGES, Node, NodeStatus, Revision


@dataclass(frozen=True, kw_only=True)
class Content:
    """A title and value a node once had, first at revision `rev`."""

    rev: int
    node: Node


def find_content(history: Sequence[Revision], to: int | Literal["original", "previous"]) -> Content | None:
    """The content a rollback goes back to, or `None` where there is none.

    Args:
        history: all revisions of one node, oldest first.
        to: see `Rollback`.
    """
    if to == "previous":
        standing = _standing(history)
        return standing[-2] if len(standing) > 1 else None
    contents = [
        (revision.rev, Content(rev=revision.restores or revision.rev, node=revision.after))
        for revision in history
        if revision.op in CONTENT_CHANGES
    ]
    if to == "original":
        valued = [content for _, content in contents if content.node.value is not None]
        return valued[0] if valued else contents[0][1] if contents else None
    earlier = [content for rev, content in contents if rev <= to]
    return earlier[-1] if earlier else None


def restored(
    current: Node,
    content: Content,
    history: Mapping[NodeId, Sequence[Revision]],
    nodes: Mapping[NodeId, Node],
) -> tuple[NodeStatus, AgentId | None]:
    """The status that goes with a restored content, and who worked on it: as when it was last superseded.

    A step at work stays at work. A content that was superseded during a run counts as finished where it has
    a value: whoever asks for it back does not want it computed again. Where what it rests on has changed
    since, it is stale.

    Args:
        current: the node now.
        content: what it gets back.
        history: all revisions of the node and of what it rests on, oldest first.
        nodes: the active nodes.
    """
    if current.status == "running":
        return "running", current.agent
    rev, superseded = _superseded(history[current.id], content)
    status = superseded.status
    if status == "running":
        status = "pending" if content.node.value is None else "done"
    if status == "done" and _inputs_changed(current, superseded, rev, history, nodes):
        status = "stale"
    return status, superseded.agent or current.agent


def beneath(nodes: Mapping[NodeId, Node], start: Sequence[NodeId]) -> list[NodeId]:
    """These nodes and all that they rest on, at any remove."""
    found = dict.fromkeys(start)
    waiting = list(start)
    while waiting:
        for other in nodes[waiting.pop()].rests_on:
            if other not in found:
                found[other] = None
                waiting.append(other)
    return list(found)


def _superseded(history: Sequence[Revision], content: Content) -> tuple[int, Node]:
    """When this content last gave way to another, and the node as it was then."""
    found = (content.rev, content.node)
    held: int | None = None
    for revision in history:
        if revision.op in CONTENT_CHANGES:
            if held == content.rev and revision.before is not None:
                found = (revision.rev, revision.before)
            held = revision.restores or revision.rev
    return found


def _inputs_changed(
    current: Node,
    superseded: Node,
    rev: int,
    history: Mapping[NodeId, Sequence[Revision]],
    nodes: Mapping[NodeId, Node],
) -> bool:
    """Whether what the node rests on has other contents, or other links, than when it was superseded."""
    if current.rests_on != superseded.rests_on:
        return True
    for below in beneath(nodes, [current.id])[1:]:
        then = next((each.after for each in reversed(history.get(below, ())) if each.rev < rev), None)
        if then is None or _rests(then) != _rests(nodes[below]):
            return True
    return False


def _rests(node: Node) -> tuple[bytes, str, tuple[NodeId, ...]]:
    return orjson.dumps(node.value, option=orjson.OPT_SORT_KEYS), node.title, node.depends_on


def _standing(history: Sequence[Revision]) -> list[Content]:
    """The contents an undo can still reach: a rollback takes back everything after what it restored."""
    standing: list[Content] = []
    for revision in history:
        if revision.op not in CONTENT_CHANGES:
            continue
        if revision.restores is not None:
            standing = [content for content in standing if content.rev <= revision.restores]
        else:
            standing.append(Content(rev=revision.rev, node=revision.after))
    return standing
