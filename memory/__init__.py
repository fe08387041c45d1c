"""Memory: the task tree, the insight graph, and the guard over what is remembered and recalled."""

from memory.guard.model import Abstained, Accepted, Action, HeldBack, HeldReason, Verdict
from memory.index.check import Checker, Difference
from memory.index.indexer import Indexer
from memory.index.rebuild import Progress, Rebuilder, Rebuilt
from memory.insight_graph.lift import Lift
from memory.insight_graph.model import FinishedTask, Learned, Outcome, Step, Utterance
from memory.insight_graph.reward import Evaluator
from memory.recall import Memory
from memory.recall_model import HeldBackRecord, Recall, RecalledRecord, WithheldRecord
from memory.task_tree import Diff, Node, Operation, PathEntry, TaskTree, Tree, synthesise

__all__ = [
    "Abstained",
    "Accepted",
    "Action",
    "Checker",
    "Diff",
    "Difference",
    "Evaluator",
    "FinishedTask",
    "HeldBack",
    "HeldBackRecord",
    "HeldReason",
    "Indexer",
    "Learned",
    "Lift",
    "Memory",
    "Node",
    "Operation",
    "Outcome",
    "PathEntry",
    "Progress",
    "Rebuilder",
    "Rebuilt",
    "Recall",
    "RecalledRecord",
    "Step",
    "TaskTree",
    "Tree",
    "Utterance",
    "Verdict",
    "WithheldRecord",
    "synthesise",
]
