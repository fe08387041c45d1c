"""Why a change's operations were refused. A refused change changes nothing."""

from __future__ import annotations

from typing import Literal

from core.errors import Conflict, InvalidInput

RefusalReason = Literal[
    "unknown_node",
    "key_taken",
    "would_cycle",
    "stale_inputs",
    "no_such_revision",
    "too_many_nodes",
    "too_many_operations",
]


class OperationRefused(InvalidInput):
    """An operation that does not fit the tree.

    Attributes:
        reason: what is wrong.
        position: which operation of the change, from 0.
        key: the node it named.
    """

    code = "operation_refused"

    def __init__(self, reason: RefusalReason, *, position: int, key: str, message: str) -> None:
        super().__init__(f"operation {position} on {key!r}: {message}")
        self.reason: RefusalReason = reason
        self.position = position
        self.key = key


class HeadMoved(Conflict):
    """The tree is at another revision than the change was made for; nothing was changed.

    Attributes:
        head: the revision it is at.
    """

    def __init__(self, expected: int, head: int) -> None:
        super().__init__(
            f"the change was made for revision {expected}, and the tree is at {head} by now: look again",
            code="head_moved",
        )
        self.head = head
