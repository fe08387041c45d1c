"""A node's past contents, and which of them a rollback means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

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


def restored_status(current: Node, history: Sequence[Revision], content: Content) -> NodeStatus:
    """The status that goes with a restored content: the one it had when it was last superseded.

    A step at work stays at work. A content that was superseded during a run counts as finished
    where it has a value: whoever asks for it back does not want it computed again.
    """
    if current.status == "running":
        return "running"
    superseded = next(
        (
            revision.before
            for revision in history
            if revision.rev > content.rev and revision.op in CONTENT_CHANGES and revision.before is not None
        ),
        content.node,
    )
    if superseded.status == "running":
        return "pending" if content.node.value is None else "done"
    return superseded.status


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
