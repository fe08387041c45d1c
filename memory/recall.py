"""Memory as the rooms above it use it: recall, learn, record what was shown, rebuild the index."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection as Group
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from core.database import Database, UnitOfWork
from core.errors import ModelError, StorageError
from core.ids import AgentId, RecordId, TaskId, TenantId
from memory.guard.model import Candidate, RecordState, Verdict
from memory.guard.read import QUORUM, review
from memory.index.indexer import Indexer
from memory.insight_graph import repository
from memory.insight_graph.learning import InsightGraph, Reindexed
from memory.insight_graph.model import Episode, FinishedTask, Insight, Learned
from memory.ports import Collection, Embedder, Hit, VectorIndex
from memory.recall_model import (
    HeldBackRecord,
    Recall,
    RecalledRecord,
    episode_lines,
    fitted,
    insight_lines,
)

log = logging.getLogger(__name__)

MINIMUM_SIMILARITY = 0.3
"""Cosine below which a record says nothing about the goal; unrelated sentences lie under 0.2 with MiniLM."""

INDEX_SECONDS = 5.0
"""How long a recall waits for embedder and index before the task goes on without it."""

WIDENING = (2, 8, 32)
"""Multiples of the limit to fetch, until the records come from enough origins to be compared: an origin
that floods the nearest places must not crowd the others out."""

MAX_INSIGHTS = 1
"""Insights among the records used, where episodes can take the other places."""


class Memory:
    """The facade over episodes, insights and their guard. Holds no state of its own."""

    def __init__(
        self,
        *,
        database: Database,
        embedder: Embedder,
        index: VectorIndex,
        minimum_similarity: float = MINIMUM_SIMILARITY,
        index_seconds: float = INDEX_SECONDS,
        indexer: Indexer | None = None,
    ) -> None:
        self._database = database
        self._embedder = embedder
        self._index = index
        self._minimum_similarity = minimum_similarity
        self._index_seconds = index_seconds
        self._indexer = indexer
        self._graph = InsightGraph(database=database, embedder=embedder, index=index)

    async def recall(
        self,
        tenant: TenantId,
        goal: str,
        *,
        scopes: Group[str],
        limit: int = 3,
        budget_characters: int = 3_000,
    ) -> Recall:
        """What earlier tasks may tell an agent about a goal, reviewed by the guard.

        Args:
            tenant: whose memory.
            goal: what the agent is to do.
            scopes: the memory scopes of the agent's grant; none gives an empty recall.
            limit: records used at most.
            budget_characters: of all titles and lines together.

        Raises:
            StorageError: Postgres failed. An embedder or index that fails gives a degraded recall.
        """
        if not scopes or limit < 1:
            return Recall()
        try:
            async with asyncio.timeout(self._index_seconds):
                episodes, insights = await self._search(tenant, goal, sorted(scopes), limit)
        except (StorageError, ModelError, TimeoutError) as error:
            return Recall(degraded=True, reason=getattr(error, "code", "timeout"))
        async with self._database.unit_of_work(tenant) as work:
            records: list[Episode | Insight] = []
            if episodes:
                records += await repository.episodes(work, list(episodes), scopes)
            if insights:
                records += await repository.insights(work, list(insights), scopes)
        records = [record for record in records if record.state != "retired"]
        return self._reviewed(records, {**episodes, **insights}, limit, budget_characters)

    async def record_exposures(
        self,
        work: UnitOfWork,
        task: TaskId,
        agent: AgentId,
        recall: Recall,
        positions: Mapping[RecordId, int],
    ) -> None:
        """Write down what an agent was shown, and what was kept from it, in the caller's transaction.

        Args:
            work: the caller's unit of work.
            task: the agent's task.
            agent: who was shown the records.
            recall: what was recalled for it.
            positions: where in the prompt each used record stood; one that is absent was left out.
        """
        used: list[dict[str, JsonValue]] = [
            {
                "record": str(record.id),
                "kind": record.kind,
                "version": record.version,
                "position": positions[record.id],
                "decision": "used",
                "reason": record.verdict.reason if record.verdict.decision == "abstained" else None,
            }
            for record in recall.used
            if record.id in positions
        ]
        held: list[dict[str, JsonValue]] = [
            {"record": str(one.id), "kind": one.kind, "decision": "held_back", "reason": one.reason}
            for one in recall.held_back
        ]
        if used or held:
            await repository.add_exposures(work, task, agent, [*used, *held])

    async def learn(self, finished: FinishedTask) -> Learned:
        """See `InsightGraph.learn`. What was learned can be found at once, unless the index fails."""
        learned = await self._graph.learn(finished)
        await self._indexed(finished.tenant)
        return learned

    async def reindex(self, tenant: TenantId) -> Reindexed:
        """See `InsightGraph.reindex`."""
        return await self._graph.reindex(tenant)

    async def _indexed(self, tenant: TenantId) -> None:
        """Have the index take in what waits; what it cannot now, the indexers of worker processes will."""
        if self._indexer is None:
            return
        try:
            await self._indexer.drain(tenant)
        except (StorageError, ModelError) as error:
            log.warning("memory.not_indexed", extra={"reason": error.message})

    async def _search(
        self, tenant: TenantId, goal: str, scopes: Sequence[str], limit: int
    ) -> tuple[dict[RecordId, float], dict[RecordId, float]]:
        """Similarity by record: the nearest episodes, and the nearest insights."""
        vector = (await self._embedder.embed([goal]))[0]

        async def nearest(collection: Collection, most: int) -> list[Hit]:
            found: list[Hit] = []
            for scope in scopes:
                found += await self._index.search(
                    tenant, collection, vector, limit=most, where={"scope": scope}
                )
            return sorted(found, key=lambda hit: -hit.similarity)[:most]

        episodes: list[Hit] = []
        for factor in WIDENING:
            most = factor * max(limit, QUORUM)
            episodes = await nearest("episode", most)
            near = [hit for hit in episodes if hit.similarity >= self._minimum_similarity]
            origins = {hit.payload.get("origin", "") for hit in near}
            if len(origins) >= max(limit, QUORUM) or len(near) < most:
                break
        insights = await nearest("insight", 2 * limit)
        return (
            {RecordId(hit.id): hit.similarity for hit in episodes},
            {RecordId(hit.id): hit.similarity for hit in insights},
        )

    def _reviewed(
        self,
        records: Sequence[Episode | Insight],
        similarity: Mapping[RecordId, float],
        limit: int,
        budget_characters: int,
    ) -> Recall:
        candidates = {record.id: _candidate(record, similarity[record.id]) for record in records}
        verdicts = review(list(candidates.values()), minimum_similarity=self._minimum_similarity)
        ranked = sorted(records, key=lambda one: (-similarity[one.id], isinstance(one, Insight), one.id))
        held_back: list[HeldBackRecord] = []
        passed: list[tuple[Episode | Insight, Verdict]] = []
        for record in ranked:
            verdict, candidate = verdicts[record.id], candidates[record.id]
            if verdict.decision == "held_back":
                held_back.append(
                    HeldBackRecord(
                        id=record.id,
                        kind=candidate.kind,
                        origin=candidate.origin,
                        reason=verdict.reason,
                        similarity=candidate.similarity,
                    )
                )
            else:
                passed.append((record, verdict))
        chosen = _chosen(passed, limit)
        share = budget_characters // max(1, len(chosen))
        return Recall(
            used=tuple(
                _recalled(record, candidates[record.id], verdict, share) for record, verdict in chosen
            ),
            held_back=tuple(held_back),
        )


def _chosen(
    passed: Sequence[tuple[Episode | Insight, Verdict]], limit: int
) -> list[tuple[Episode | Insight, Verdict]]:
    """The nearest, with few insights where there are episodes enough; the order stays."""
    insights = [pair for pair in passed if isinstance(pair[0], Insight)]
    episodes = len(passed) - len(insights)
    allowed = {pair[0].id for pair in insights[: max(MAX_INSIGHTS, limit - episodes)]}
    return [pair for pair in passed if not isinstance(pair[0], Insight) or pair[0].id in allowed][:limit]


def _candidate(record: Episode | Insight, similarity: float) -> Candidate:
    state: RecordState = record.state
    if isinstance(record, Episode):
        return Candidate(
            id=record.id,
            kind="episode",
            origin=record.origin,
            similarity=similarity,
            state=state,
            trust=record.provenance.trust,
            texts=(record.goal, *(step.title for step in record.steps), record.conclusion or ""),
            actions=record.actions,
        )
    return Candidate(
        id=record.id,
        kind="insight",
        origin=", ".join(record.origins),
        similarity=similarity,
        state=state,
        trust=record.provenance.trust,
        texts=(record.about, record.text),
        worth=record.worth,
    )


def _recalled(
    record: Episode | Insight, candidate: Candidate, verdict: Verdict, share: int
) -> RecalledRecord:
    if isinstance(record, Episode):
        title, lines, version = record.goal, episode_lines(record), None
    else:
        title, lines, version = record.about, insight_lines(record), record.version
    title, lines = fitted(title, lines, share)
    return RecalledRecord(
        id=record.id,
        kind=candidate.kind,
        version=version,
        title=title,
        lines=lines,
        similarity=candidate.similarity,
        trust=candidate.trust,
        origin=candidate.origin,
        verdict=verdict,
    )
