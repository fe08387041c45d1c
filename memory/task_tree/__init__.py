"""The task-memory tree: the plan as rows, changed by typed operations, with every revision kept."""

from memory.task_tree.errors import OperationRefused, RefusalReason
from memory.task_tree.model import Diff, Node, NodeStatus, Revision
from memory.task_tree.operations import (
    OPERATIONS,
    Create,
    Link,
    Operation,
    Prune,
    Retire,
    Rollback,
    SetStatus,
    SetValue,
    Substitute,
)
from memory.task_tree.service import TaskTree
from memory.task_tree.synthesis import PathEntry, synthesise, typed_part
from memory.task_tree.tree import Tree

__all__ = [
    "OPERATIONS",
    "Create",
    "Diff",
    "Link",
    "Node",
    "NodeStatus",
    "Operation",
    "OperationRefused",
    "PathEntry",
    "Prune",
    "RefusalReason",
    "Retire",
    "Revision",
    "Rollback",
    "SetStatus",
    "SetValue",
    "Substitute",
    "TaskTree",
    "Tree",
    "synthesise",
    "typed_part",
]
