"""The graph around what the index found: one hop, upward to insights, and the rows, in one exchange."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from core.database import Row, UnitOfWork, queries
from core.ids import RecordId
from memory.insight_graph.model import Episode, Insight

SQL = queries.load(__file__, "reading.sql")

SEEDS = 6
"""The nearest episodes whose edges are followed."""

FANOUT = 10
"""Edges followed from one episode, and insights looked at that rest on it."""

MAX_UPWARD = 20
"""Insights reached over episodes."""


@dataclass(frozen=True, kw_only=True)
class Reached:
    """A record with what ties it to a goal.

    Attributes:
        record: as its row is now.
        similarity: cosine to the goal. For an episode that only an edge led to, that of the episode where it
            began, less by the edge's weight; for an insight that only its episodes led to, the nearest one's.
        hopped: whether the index did not name it.
        strength: of an insight: the similarity of the near episodes that support it, less those against it.
    """

    record: Episode | Insight
    similarity: float
    hopped: bool
    strength: float


async def neighbourhood(
    work: UnitOfWork,
    episodes: Mapping[RecordId, float],
    insights: Mapping[RecordId, float],
    *,
    scopes: Collection[str],
    least: float,
) -> list[Reached]:
    """What lies around these hits in scopes that may be read, in any order; retired records are left out."""
    rows = await work.fetch_all(
        SQL.neighbourhood,
        {
            "episodes": list(episodes),
            "similarities": list(episodes.values()),
            "insights": list(insights),
            "insight_similarities": list(insights.values()),
            "scopes": list(scopes),
            "least": least,
            "seeds": SEEDS,
            "fanout": FANOUT,
            "most": MAX_UPWARD,
        },
    )
    return [_reached(row) for row in rows]


def _reached(row: Row) -> Reached:
    model = Episode if row["kind"] == "episode" else Insight
    return Reached(
        record=model.model_validate(row["record"]),
        similarity=row["similarity"],
        hopped=row["hopped"],
        strength=row["strength"],
    )
