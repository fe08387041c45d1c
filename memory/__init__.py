"""Memory: the task tree, the insight graph, and the guard over what is remembered and recalled."""

from memory.guard.model import Abstained, Accepted, Action, HeldBack, HeldReason, Verdict
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
    "Diff",
    "Evaluator",
    "FinishedTask",
    "HeldBack",
    "HeldBackRecord",
    "HeldReason",
    "Learned",
    "Lift",
    "Memory",
    "Node",
    "Operation",
    "Outcome",
    "PathEntry",
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
