"""Learning: what a finished task adds to memory. Once per task, bounded, and rebuildable from rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from core.database import Database, UnitOfWork
from core.ids import RecordId, TenantId, derived
from memory.guard.model import TARGET_CHARACTERS
from memory.guard.write import screen
from memory.insight_graph import repository
from memory.insight_graph.model import (
    CONCLUSION_CHARACTERS,
    GOAL_CHARACTERS,
    MAX_ACTIONS,
    MAX_STEPS,
    TITLE_CHARACTERS,
    Episode,
    FinishedTask,
    Insight,
    Learned,
)
from memory.insight_graph.procedure import found_insight, procedure_of
from memory.ports import Collection, Embedder, Point, VectorIndex, Vectors

SIMILAR = 0.6
"""Cosine from which two goals count as the same kind of work; paraphrases lie above it with MiniLM."""

MAX_SIMILAR = 10
"""Episodes a new one is linked to."""

MAX_INSIGHTS = 5
"""Insights one task may add to or change."""

_BATCH = 256

_LIMITS = {
    "goal": GOAL_CHARACTERS,
    "conclusion": CONCLUSION_CHARACTERS,
    "title": TITLE_CHARACTERS,
    "target": TARGET_CHARACTERS,
}


@dataclass(frozen=True, kw_only=True)
class Reindexed:
    """How many records a rebuild wrote to the index."""

    episodes: int
    insights: int


class InsightGraph:
    """Writes episodes and insights: rows first, then the index."""

    def __init__(self, *, database: Database, embedder: Embedder, index: VectorIndex) -> None:
        self._database = database
        self._embedder = embedder
        self._index = index

    async def learn(self, finished: FinishedTask) -> Learned:
        """Take in a finished task; safe to repeat, after a crash too.

        Raises:
            StorageError: Postgres or the index failed; repeat it later. Rows that were committed stay
                and are not counted twice.
        """
        episode = _episode(finished)
        vectors = await self._embedder.embed([episode.goal])
        near = {} if episode.state == "quarantined" else await self._similar(finished, vectors)
        async with self._database.unit_of_work(finished.tenant) as work:
            added = await repository.add_episode(work, episode)
            if added:
                similar, changed = await self._connect(work, episode, near)
            else:
                earlier = await repository.episode_of_task(work, finished.task)
                assert earlier is not None
                episode = earlier
                similar = await repository.similar_to(work, earlier.id)
                changed = await repository.insights_of(work, earlier.id)
        if not added:
            vectors = await self._embedder.embed([episode.goal])
        await self._put(finished.tenant, "episode", [episode], vectors)
        if changed:
            about = await self._embedder.embed([insight.about for insight in changed])
            await self._put(finished.tenant, "insight", changed, about)
        return Learned(
            episode=episode.id,
            state=episode.state,
            reasons=episode.reasons,
            similar=similar,
            insights=tuple(insight.id for insight in changed),
            repeated=not added,
        )

    async def reindex(self, tenant: TenantId) -> Reindexed:
        """Write every record of the tenant to the index again, and take out what may not be recalled."""
        return Reindexed(
            episodes=await self._reindex(tenant, "episode"), insights=await self._reindex(tenant, "insight")
        )

    async def _similar(self, finished: FinishedTask, vectors: Vectors) -> dict[RecordId, float]:
        hits = await self._index.search(
            finished.tenant,
            "episode",
            vectors[0],
            limit=MAX_SIMILAR + 1,
            where={"scope": finished.scope},
        )
        return {RecordId(hit.id): hit.similarity for hit in hits if hit.similarity >= SIMILAR}

    async def _connect(
        self, work: UnitOfWork, episode: Episode, near: Mapping[RecordId, float]
    ) -> tuple[tuple[RecordId, ...], list[Insight]]:
        """Link a new episode to those like it, and let it speak for or against insights."""
        if not near:
            return (), []
        found = await repository.episodes(work, list(near), [episode.scope])
        siblings = sorted(
            (one for one in found if one.state in {"candidate", "active"} and one.id != episode.id),
            key=lambda one: -near[one.id],
        )[:MAX_SIMILAR]
        await repository.add_edges(work, episode.id, {one.id: near[one.id] for one in siblings})
        changed = await self._generalise(work, episode, siblings)
        return tuple(one.id for one in siblings), changed

    async def _generalise(
        self, work: UnitOfWork, episode: Episode, siblings: Sequence[Episode]
    ) -> list[Insight]:
        procedure = procedure_of(episode.actions)
        if episode.outcome == "cancelled" or not procedure.tools:
            return []
        known = await repository.lock_insights(
            work, episode.scope, [sibling.id for sibling in siblings], MAX_INSIGHTS
        )
        same = [insight for insight in known if insight.pattern == procedure]
        if episode.outcome == "failed":
            return [await repository.weigh(work, insight, [episode], polarity=-1) for insight in same]
        if same:
            return [await repository.weigh(work, insight, [episode], polarity=1) for insight in same]
        supporters = [
            sibling
            for sibling in siblings
            if sibling.outcome == "done" and procedure_of(sibling.actions) == procedure
        ]
        insight = found_insight(episode, supporters)
        if insight is None:
            return []
        insight = await repository.add_insight(work, insight)
        return [await repository.weigh(work, insight, [episode, *supporters], polarity=1)]

    async def _reindex(self, tenant: TenantId, collection: Collection) -> int:
        after, written = RecordId(UUID(int=0)), 0
        while True:
            async with self._database.unit_of_work(tenant) as work:
                batch: Sequence[Episode | Insight]
                if collection == "episode":
                    batch = await repository.episodes_after(work, after, _BATCH)
                else:
                    batch = await repository.insights_after(work, after, _BATCH)
            if not batch:
                return written
            after = batch[-1].id
            kept = [record for record in batch if record.state in {"candidate", "active"}]
            gone = [record.id for record in batch if record.state not in {"candidate", "active"}]
            if gone:
                await self._index.delete(tenant, collection, gone)
            if kept:
                vectors = await self._embedder.embed([_text(record) for record in kept])
                await self._put(tenant, collection, kept, vectors)
            written += len(kept)

    async def _put(
        self,
        tenant: TenantId,
        collection: Collection,
        records: Sequence[Episode | Insight],
        vectors: Vectors,
    ) -> None:
        points = [
            Point(id=record.id, vector=vector, payload=_payload(record))
            for record, vector in zip(records, vectors, strict=True)
            if record.state in {"candidate", "active"}
        ]
        if points:
            await self._index.upsert(tenant, collection, points)


def _text(record: Episode | Insight) -> str:
    return record.goal if isinstance(record, Episode) else record.about


def _payload(record: Episode | Insight) -> dict[str, str]:
    if isinstance(record, Episode):
        return {"scope": record.scope, "origin": record.origin, "outcome": record.outcome}
    return {"scope": record.scope, "kind": record.kind}


def _episode(finished: FinishedTask) -> Episode:
    """The episode as the write gate lets it in; its id follows from the task's."""
    steps, actions = finished.steps[:MAX_STEPS], finished.actions[:MAX_ACTIONS]
    texts = {"goal": finished.goal, "conclusion": finished.conclusion or ""}
    texts |= {f"title.{position}": step.title for position, step in enumerate(steps)}
    texts |= {f"target.{position}": action.target for position, action in enumerate(actions)}
    screened = screen(texts, trust=finished.provenance.trust, limits=_LIMITS)
    kept = screened.texts
    return Episode(
        id=RecordId(derived(finished.task, "episode")),
        task=finished.task,
        scope=finished.scope,
        goal=kept["goal"],
        outcome=finished.outcome,
        origin=finished.origin,
        steps=tuple(
            step.model_copy(update={"title": kept[f"title.{position}"]})
            for position, step in enumerate(steps)
        ),
        actions=tuple(
            action.model_copy(update={"target": kept[f"target.{position}"]})
            for position, action in enumerate(actions)
        ),
        conclusion=kept["conclusion"] or None,
        provenance=finished.provenance,
        state=screened.state,
        reasons=screened.reasons,
    )
