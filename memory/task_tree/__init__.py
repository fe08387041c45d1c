"""The task-memory tree: the plan as rows, changed by typed operations, with every revision kept."""

from memory.task_tree.conversation import Conversation, Interpreter, Said, Store, brought_back, new_key
from memory.task_tree.digest import Line, Shown, digest
from memory.task_tree.errors import HeadMoved, OperationRefused, RefusalReason
from memory.task_tree.model import Diff, Node, NodeStatus, Revision, RevisionKind
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
    Share,
    Substitute,
)
from memory.task_tree.reading import (
    Added,
    Linked,
    Queried,
    Reading,
    Replaced,
    Retired,
    RolledBack,
    Valued,
    Wanted,
)
from memory.task_tree.reading import read as read_reply
from memory.task_tree.reading import schema as reading_schema
from memory.task_tree.rendering import described, rendered, which
from memory.task_tree.service import TaskTree
from memory.task_tree.stores import LocalStore, PostgresStore
from memory.task_tree.synthesis import PathEntry, synthesise, typed_part
from memory.task_tree.tree import Tree

__all__ = [
    "OPERATIONS",
    "Added",
    "Conversation",
    "Create",
    "Diff",
    "HeadMoved",
    "Interpreter",
    "Line",
    "Link",
    "Linked",
    "LocalStore",
    "Node",
    "NodeStatus",
    "Operation",
    "OperationRefused",
    "PathEntry",
    "PostgresStore",
    "Prune",
    "Queried",
    "Reading",
    "RefusalReason",
    "Replaced",
    "Retire",
    "Retired",
    "Revision",
    "RevisionKind",
    "Rollback",
    "RolledBack",
    "Said",
    "SetStatus",
    "SetValue",
    "Share",
    "Shown",
    "Store",
    "Substitute",
    "TaskTree",
    "Tree",
    "Valued",
    "Wanted",
    "brought_back",
    "described",
    "digest",
    "new_key",
    "read_reply",
    "reading_schema",
    "rendered",
    "synthesise",
    "typed_part",
    "which",
]
