"""The insight graph: episodes of finished tasks, how they resemble each other, and what they teach."""

from memory.insight_graph.learning import InsightGraph, Reindexed
from memory.insight_graph.model import Episode, FinishedTask, Insight, Learned, Outcome, Procedure, Step

__all__ = [
    "Episode",
    "FinishedTask",
    "Insight",
    "InsightGraph",
    "Learned",
    "Outcome",
    "Procedure",
    "Reindexed",
    "Step",
]
