"""Rows of the insight graph, read and written inside a unit of work."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import orjson
from pydantic import JsonValue, TypeAdapter

from core.database import UnitOfWork, queries
from core.ids import AgentId, RecordId, TaskId
from memory.insight_graph.model import Episode, Insight
from memory.insight_graph.procedure import inherited, weighed

SQL = queries.load(__file__)

_EPISODES = TypeAdapter(list[Episode])
_INSIGHTS = TypeAdapter(list[Insight])


async def add_episode(work: UnitOfWork, episode: Episode) -> bool:
    """Whether the episode is new; a task has one at most."""
    row = {"tenant": work.tenant, "row": episode.model_dump_json()}
    return await work.execute(SQL.insert_episode, row) == 1


async def episode_of_task(work: UnitOfWork, task: TaskId) -> Episode | None:
    row = await work.fetch_one(SQL.episode_of_task, {"task": task})
    return None if row is None else Episode.model_validate(row)


async def episodes(work: UnitOfWork, ids: Sequence[RecordId], scopes: Collection[str]) -> list[Episode]:
    """Those of the episodes that lie in these scopes, in any state and order."""
    return _EPISODES.validate_python(
        await work.fetch_all(SQL.episodes, {"ids": list(ids), "scopes": list(scopes)})
    )


async def episodes_after(work: UnitOfWork, after: RecordId, most: int) -> list[Episode]:
    return _EPISODES.validate_python(await work.fetch_all(SQL.episodes_after, {"after": after, "most": most}))


async def add_edges(work: UnitOfWork, src: RecordId, weights: Mapping[RecordId, float]) -> None:
    if weights:
        await work.execute(
            SQL.insert_edges,
            {
                "tenant": work.tenant,
                "src": src,
                "ids": list(weights),
                "weights": list(weights.values()),
            },
        )


async def similar_to(work: UnitOfWork, src: RecordId) -> tuple[RecordId, ...]:
    """The episodes an episode was linked to, most alike first."""
    return tuple(RecordId(row["dst"]) for row in await work.fetch_all(SQL.edges_of, {"src": src}))


async def insights(work: UnitOfWork, ids: Sequence[RecordId], scopes: Collection[str]) -> list[Insight]:
    """Those of the insights that lie in these scopes, with their origins, in any state and order."""
    return _INSIGHTS.validate_python(
        await work.fetch_all(SQL.insights, {"ids": list(ids), "scopes": list(scopes)})
    )


async def insights_after(work: UnitOfWork, after: RecordId, most: int) -> list[Insight]:
    return _INSIGHTS.validate_python(await work.fetch_all(SQL.insights_after, {"after": after, "most": most}))


async def lock_insights(
    work: UnitOfWork, scope: str, supporters: Sequence[RecordId], most: int
) -> list[Insight]:
    """The insights that rest on any of these episodes, held until the transaction ends."""
    return _INSIGHTS.validate_python(
        await work.fetch_all(
            SQL.insights_supported_by, {"scope": scope, "episodes": list(supporters), "most": most}
        )
    )


async def insights_of(work: UnitOfWork, episode: RecordId) -> list[Insight]:
    """The insights an episode supports or contradicts."""
    return _INSIGHTS.validate_python(await work.fetch_all(SQL.insights_of_episode, {"episode": episode}))


async def add_insight(work: UnitOfWork, insight: Insight) -> Insight:
    """Write an insight unless another transaction just did; the row as it is then, held by this one."""
    await work.execute(
        SQL.insert_insight, {"tenant": work.tenant, "row": insight.model_dump_json(exclude={"origins"})}
    )
    row = await work.fetch_one(SQL.lock_insight, {"insight": insight.id})
    return Insight.model_validate(row)


async def weigh(work: UnitOfWork, insight: Insight, evidence: Sequence[Episode], *, polarity: int) -> Insight:
    """Count episodes for (1) or against (-1) an insight, once each, and write what follows."""
    key = {"tenant": work.tenant, "insight": insight.id}
    await work.execute(
        SQL.insert_supports,
        {**key, "episodes": [episode.id for episode in evidence], "polarity": polarity},
    )
    counts = await work.fetch_one(SQL.count_supports, key)
    assert counts is not None
    if polarity > 0:
        insight = insight.model_copy(update={"provenance": inherited(insight.provenance, evidence)})
    insight = weighed(insight, **counts)
    await work.execute(SQL.update_insight, {**key, "row": insight.model_dump_json(exclude={"origins"})})
    return insight


async def add_exposures(
    work: UnitOfWork, task: TaskId, agent: AgentId, rows: Sequence[Mapping[str, JsonValue]]
) -> None:
    """Write what an agent was shown and what was kept from it; once per agent and record."""
    await work.execute(
        SQL.insert_exposures,
        {"tenant": work.tenant, "task": task, "agent": agent, "rows": orjson.dumps(rows).decode()},
    )
