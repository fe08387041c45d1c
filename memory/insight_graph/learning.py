"""Learning, first part: a finished task becomes an episode with its place in the graph. No model is asked."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from core.database import Database, UnitOfWork
from core.ids import RecordId, derived
from core.scopes import EVERY
from memory.guard.model import TARGET_CHARACTERS
from memory.guard.write import screen
from memory.index.outbox import mark_changed
from memory.insight_graph import clusters, interactions, repository
from memory.insight_graph.credit import credit, hold
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
    Procedure,
)
from memory.insight_graph.procedure import found_insight, procedure_of
from memory.ports import Embedder, VectorIndex, Vectors

SIMILAR = 0.6
"""Cosine from which two goals count as the same kind of work; paraphrases lie above it with MiniLM."""

MAX_SIMILAR = 10
"""Episodes a new one is linked to."""

_LIMITS = {
    "goal": GOAL_CHARACTERS,
    "conclusion": CONCLUSION_CHARACTERS,
    "title": TITLE_CHARACTERS,
    "target": TARGET_CHARACTERS,
}


class InsightGraph:
    """Writes episodes, and the insights that follow from recorded actions alone."""

    def __init__(self, *, database: Database, embedder: Embedder, index: VectorIndex) -> None:
        self._database = database
        self._embedder = embedder
        self._index = index

    async def learn(self, finished: FinishedTask) -> Learned:
        """Take in a finished task in one transaction; safe to repeat, after a crash too.

        Raises:
            StorageError: Postgres or the index failed; repeat it later.
        """
        episode = _episode(finished)
        said = interactions.admitted(finished.utterances)
        vectors = await self._embedder.embed([episode.goal])
        near = {} if episode.state == "quarantined" else await self._similar(finished, vectors)
        async with self._database.unit_of_work(finished.tenant, scopes=EVERY) as work:
            await hold(work)
            earlier = await repository.episode_of_task(work, finished.task)
            if earlier is not None:
                return await _learned(work, earlier, repeated=True)
            if await repository.was_forgotten(work, episode.id):
                return _forgotten(episode)
            if episode.state != "quarantined":
                episode = await self._clustered(work, episode, vectors, near)
            await repository.add_episode(work, episode)
            await interactions.add(work, episode.id, said)
            await mark_changed(work, "episode", [episode.id])
            await repository.add_edges(work, episode.id, near)
            changed = await _generalise(work, episode)
            retired = await credit(
                work,
                finished.task,
                episode.id,
                reward=finished.reward,
                cited=finished.cited,
                found=changed,
            )
            await mark_changed(work, "insight", changed)
            learned = await _learned(work, episode)
        return learned.model_copy(update={"retired": retired})

    async def _clustered(
        self, work: UnitOfWork, episode: Episode, vectors: Vectors, near: Mapping[RecordId, float]
    ) -> Episode:
        cluster = await clusters.join(
            work,
            episode.id,
            scope=episode.scope,
            vector=vectors[0],
            embedder=self._embedder.name,
            near=near,
        )
        return episode.model_copy(update={"cluster": cluster})

    async def _similar(self, finished: FinishedTask, vectors: Vectors) -> dict[RecordId, float]:
        hits = await self._index.search(
            finished.tenant, "episode", vectors[0], limit=MAX_SIMILAR + 1, where={"scope": finished.scope}
        )
        own = derived(finished.task, "episode")
        alike = [hit for hit in hits if hit.similarity >= SIMILAR and hit.id != own]
        return {RecordId(hit.id): hit.similarity for hit in alike[:MAX_SIMILAR]}


async def _learned(work: UnitOfWork, episode: Episode, *, repeated: bool = False) -> Learned:
    return Learned(
        episode=episode.id,
        state=episode.state,
        reasons=episode.reasons,
        similar=await repository.similar_to(work, episode.id),
        insights=await repository.insights_of(work, episode.id),
        cluster=episode.cluster,
        repeated=repeated,
    )


def _forgotten(episode: Episode) -> Learned:
    return Learned(
        episode=episode.id, state="retired", reasons=("forgotten",), similar=(), insights=(), repeated=True
    )


async def _generalise(work: UnitOfWork, episode: Episode) -> list[RecordId]:
    """Let an episode speak for or against the procedure of its cluster that it followed, or found it."""
    cluster = episode.cluster
    if cluster is None or episode.outcome == "cancelled" or not episode.procedure:
        return []
    procedure = Procedure(tools=episode.procedure)
    known = await repository.insight(work, _procedure_id(cluster, procedure))
    if known is None:
        return await _found(work, episode, cluster)
    if known.state not in {"candidate", "active"}:
        return []
    polarity = 1 if episode.outcome == "done" else -1
    return [(await repository.weigh(work, known, [episode], polarity=polarity)).id]


async def _found(work: UnitOfWork, episode: Episode, cluster: UUID) -> list[RecordId]:
    if episode.outcome != "done":
        return []
    supporters = await repository.doing_the_same(work, cluster, episode.procedure, "done")
    insight: Insight | None = found_insight(cluster, supporters)
    if insight is None:
        return []
    if await repository.was_forgotten(work, insight.id):
        return []
    await repository.add_insight(work, insight, "found", episodes=[one.id for one in supporters])
    insight = await repository.weigh(work, insight, supporters, polarity=1)
    failures = await repository.doing_the_same(work, cluster, episode.procedure, "failed")
    await repository.weigh(work, insight, failures, polarity=-1)
    return [insight.id]


def _procedure_id(cluster: UUID, procedure: Procedure) -> RecordId:
    return RecordId(derived(cluster, "procedure", *procedure.tools))


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
        reward=finished.reward,
        procedure=procedure_of(actions).tools,
    )
