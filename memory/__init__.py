"""Memory: the task tree, the insight graph, and the guard over what is remembered and recalled."""

from memory.guard.model import Abstained, Accepted, Action, HeldBack, HeldReason, Verdict
from memory.insight_graph.learning import Reindexed
from memory.insight_graph.model import FinishedTask, Learned, Outcome, Step
from memory.recall import Memory
from memory.recall_model import HeldBackRecord, Recall, RecalledRecord
from memory.task_tree import Diff, Node, Operation, PathEntry, TaskTree, Tree, synthesise

__all__ = [
    "Abstained",
    "Accepted",
    "Action",
    "Diff",
    "FinishedTask",
    "HeldBack",
    "HeldBackRecord",
    "HeldReason",
    "Learned",
    "Memory",
    "Node",
    "Operation",
    "Outcome",
    "PathEntry",
    "Recall",
    "RecalledRecord",
    "Reindexed",
    "Step",
    "TaskTree",
    "Tree",
    "Verdict",
    "synthesise",
]
