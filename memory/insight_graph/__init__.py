"""The insight graph: episodes of finished tasks, how they are tied to each other, and what they teach."""

from memory.insight_graph.learning import InsightGraph
from memory.insight_graph.model import (
    Episode,
    FinishedTask,
    Insight,
    Learned,
    Outcome,
    Procedure,
    Step,
    Utterance,
)
from memory.insight_graph.sources import EpisodeSource, InsightSource

__all__ = [
    "Episode",
    "EpisodeSource",
    "FinishedTask",
    "Insight",
    "InsightGraph",
    "InsightSource",
    "Learned",
    "Outcome",
    "Procedure",
    "Step",
    "Utterance",
]
