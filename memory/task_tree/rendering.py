"""What is said back of a change: rendered by code from what was committed, never by a model."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson
from pydantic import JsonValue

from core.ids import NodeId
from core.text import clipped, printable
from memory.task_tree.model import Diff, Node
from memory.task_tree.tree import Tree

SHOWN_CHARACTERS = 200
"""Of one value."""
MOST_NAMED = 8

NO_CHANGE = "Nothing changed: it was so already."


def rendered(diff: Diff) -> str:
    """A sentence for each node that the change altered, and which are to be done again because of it."""
    before: dict[NodeId, Node | None] = {}
    for revision in diff.revisions:
        before.setdefault(revision.after.id, revision.before)
    ops = {revision.after.id: revision.op for revision in diff.revisions if revision.op != "mark_stale"}
    lines = [
        line
        for node in diff.changed
        if node.id in ops and (line := _line(before[node.id], node, ops[node.id]))
    ]
    again = [node for node in diff.stale if ops.get(node.id) in {None, "unlink", "link"}]
    if again:
        lines.append(f"To be done again: {_names(again)}.")
    return "\n".join(lines) or NO_CHANGE


def described(tree: Tree, keys: Sequence[str]) -> str:
    """What the tree says of these nodes, or of all of them where none is named."""
    nodes = [tree.find(key) for key in keys] if keys else [*tree.nodes]
    standing = [node for node in nodes if node is not None]
    lines = [f"{_name(node)}: {_state(node)}." for node in standing[:MOST_NAMED]]
    if len(standing) > MOST_NAMED:
        lines.append(f"And {len(standing) - MOST_NAMED} more.")
    return "\n".join(lines) or "There is nothing of that here."


def which(tree: Tree, candidates: Sequence[str]) -> str:
    """The question that an ambiguous utterance is answered with."""
    nodes = [node for key in candidates if (node := tree.find(key)) is not None] or [*tree.nodes]
    if not nodes:
        return "There is nothing here yet that this could be about."
    named = ", ".join(f"{_name(node)} ({node.key})" for node in nodes[:MOST_NAMED])
    return f"Nothing was changed. Which of these do you mean: {named}? Say it again with its name."


def _line(before: Node | None, node: Node, op: str) -> str:
    if before is None:
        return f"Added {_name(node)}{_valued(node)}."
    if node.retired_rev is not None:
        return f"Took out {_name(node)}."
    if op == "rollback":
        return f"{_name(node)} is back{_valued(node)}."
    if before.title != node.title:
        return f"{_name(before)} is now {_name(node)}{_valued(node)}."
    if op == "link":
        return f"{_name(node)} rests on one thing more."
    if op not in {"set_value", "substitute"}:
        return ""
    if isinstance(node.value, dict | list) or isinstance(before.value, dict | list):
        return f"{_name(node)} is asked anew."
    return f"{_name(node)}: {shown(before.value)} is now {shown(node.value)}."


def _state(node: Node) -> str:
    if node.value is None or isinstance(node.value, dict | list):
        return node.status
    again = " (to be done again)" if node.status == "stale" else ""
    return f"{shown(node.value)}{again}"


def _valued(node: Node) -> str:
    """What steps came to is not said: it is what their workers returned."""
    return "" if node.value is None or isinstance(node.value, dict | list) else f": {shown(node.value)}"


def shown(value: JsonValue) -> str:
    """A value in a sentence."""
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return clipped(" ".join(printable(text).split()), SHOWN_CHARACTERS)


def _names(nodes: Iterable[Node]) -> str:
    named = [_name(node) for node in nodes]
    more = f" and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
    return ", ".join(named[:MOST_NAMED]) + more


def _name(node: Node) -> str:
    return f'"{node.title}"'
