"""What the task tree keeps of children that have ended."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import JsonValue

from agents.ports import ChildReturn
from core.errors import STOPPED
from memory.task_tree import Operation, SetStatus, SetValue, Share, Tree


def digest(child: ChildReturn) -> JsonValue:
    """What the task tree keeps of a return: where it is, and how much it holds."""
    returned = child.returned if isinstance(child.returned, dict) else {}
    found = returned.get("findings")
    return {
        "agent": str(child.agent),
        "status": str(returned.get("status", child.status)),
        "findings": len(found) if isinstance(found, list) else 0,
        "error": child.error_code,
    }


def ended(tree: Tree, returns: Iterable[ChildReturn]) -> list[ChildReturn]:
    """The returns that count: of the last child of each step that stands, and not of one that was stopped."""
    last = {node.agent for node in tree.nodes if node.status in {"running", "done", "failed"}}
    return [child for child in returns if child.agent in last]


def outcomes(tree: Tree, returns: Iterable[ChildReturn], *, room: int) -> list[Operation]:
    """What the tree keeps of children that ended since the last time.

    Steps of children that were stopped, while the plan has them still, are to run again; `room` says for how
    many the grant has children left.
    """
    waited = {node.agent for node in tree.nodes if node.status == "running"}
    ended = [child for child in returns if child.agent in waited]
    again = [child.key for child in ended if child.error_code == STOPPED][: max(0, room)]
    operations: list[Operation] = []
    for child in ended:
        if child.key in again:
            operations.append(SetStatus(node=child.key, status="pending"))
        else:
            operations += (
                SetStatus(node=child.key, status="done" if child.status == "done" else "failed"),
                SetValue(node=child.key, value=digest(child)),
            )
        operations += _of_sharing(tree, child, again=child.key in again, room=room > len(again))
    return operations


def _of_sharing(tree: Tree, child: ChildReturn, *, again: bool, room: bool) -> list[Operation]:
    """What becomes of the steps that share a child's work; that of one that failed is not shared."""
    source = tree.find(child.key)
    sharing = [] if source is None else [node for node in tree.nodes if node.shares == source.id]
    if again or (room and not (child.status == "done" and child.limit is None)):
        return [SetStatus(node=node.key, status="pending") for node in sharing]
    return [Share(node=node.key, source=child.key) for node in sharing]
