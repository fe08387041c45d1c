"""Memory as the rooms above it use it: recall, learn, credit, and what was shown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection as Group
from collections.abc import Mapping, Sequence
from uuid import UUID

from pydantic import JsonValue

from core.database import Database, UnitOfWork
from core.errors import ModelError, StorageError
from core.ids import AgentId, RecordId, TaskId, TenantId
from core.scopes import EVERY
from memory.guard.model import Candidate, RecordKind
from memory.guard.read import QUORUM, review
from memory.index.indexer import Indexer
from memory.insight_graph import credit, repository
from memory.insight_graph.learning import InsightGraph
from memory.insight_graph.lift import Lift
from memory.insight_graph.model import Episode, FinishedTask, Insight, Learned
from memory.insight_graph.reading import Reached, neighbourhood
from memory.insight_graph.refining import Refining
from memory.notes.recalling import recalled
from memory.notes.repository import notes
from memory.ports import Collection, Embedder, Hit, VectorIndex
from memory.recall_model import (
    HeldBackRecord,
    ReaderRole,
    Recall,
    RecalledRecord,
    episode_lines,
    fitted,
    insight_lines,
)
from memory.recall_rank import MAX_NOTES, POOL, chosen, hold_out, ranked, settled, unclear
from memory.search import KINDS, Search, SearchResult

log = logging.getLogger(__name__)

MINIMUM_SIMILARITY = 0.3
"""Cosine below which a record says nothing about the goal; unrelated sentences lie under 0.2 with MiniLM."""

INDEX_SECONDS = 5.0
"""How long a recall waits for embedder and index before the task goes on without it."""

WIDENING = (2, 8, 32)
"""Multiples of the limit to fetch, until the records come from enough origins to be compared: an origin
that floods the nearest places must not crowd the others out."""

HOLD_OUT = 0.1

LIMIT = 4
BUDGET_CHARACTERS = 3_000


class Memory:
    """The facade over episodes, insights and their guard. Holds no state of its own.

    Args:
        database: where the rows are.
        embedder: for goals.
        index: finds records.
        minimum_similarity: below which a record says nothing about a goal.
        index_seconds: how long a recall waits for embedder and index.
        indexer: takes in what is learned at once; without it, those of worker processes do.
        holdout: the share of tasks that an insight is held out of, to measure its lift.

    Attributes:
        refining: makes more of what was learned, with a model.
    """

    def __init__(
        self,
        *,
        database: Database,
        embedder: Embedder,
        index: VectorIndex,
        minimum_similarity: float = MINIMUM_SIMILARITY,
        index_seconds: float = INDEX_SECONDS,
        indexer: Indexer | None = None,
        holdout: float = HOLD_OUT,
    ) -> None:
        self._database = database
        self._embedder = embedder
        self._index = index
        self._minimum_similarity = minimum_similarity
        self._index_seconds = index_seconds
        self._indexer = indexer
        self._holdout = holdout
        self._graph = InsightGraph(database=database, embedder=embedder, index=index)
        self._finding = Search(database, embedder, index)
        self.refining = Refining(database)

    async def recall(
        self,
        tenant: TenantId,
        goal: str,
        *,
        scopes: Group[str],
        task: UUID | None = None,
        role: ReaderRole = "lead",
        limit: int = LIMIT,
        budget_characters: int = BUDGET_CHARACTERS,
        contend: bool = False,
    ) -> Recall:
        """What earlier tasks may tell an agent about a goal, reviewed by the guard.

        Args:
            tenant: whose memory.
            goal: what the agent is to do.
            scopes: the memory scopes of the agent's grant; none gives an empty recall.
            task: the agent's; without it nothing is held out.
            role: who reads it.
            limit: records used at most.
            budget_characters: of all titles and lines together.
            contend: whether the caller can settle an unclear choice; it is given the contenders then.

        Raises:
            StorageError: Postgres failed. An embedder or index that fails gives a degraded recall.
        """
        if not scopes or limit < 1:
            return Recall()
        try:
            async with asyncio.timeout(self._index_seconds):
                episodes, insights, noted = await self._search(tenant, goal, sorted(scopes), limit)
        except (StorageError, ModelError, TimeoutError) as error:
            return Recall(degraded=True, reason=getattr(error, "code", "timeout"))
        if not episodes and not insights and not noted:
            return Recall()
        async with self._database.unit_of_work(tenant, scopes=scopes) as work:
            found = await neighbourhood(
                work, episodes, insights, scopes=sorted(scopes), least=self._minimum_similarity
            )
            given = await notes(work, list(noted), scopes) if noted else []
        share = budget_characters // limit
        passed, held_back = self._reviewed(found, limit, role, share)
        if given:
            let_through, kept_out = recalled(given, noted, least=self._minimum_similarity, share=share)
            passed = sorted([*passed, *let_through], key=lambda record: (-record.score, record.id))
            held_back += kept_out
        held = hold_out(task, self._holdout)
        passed = [
            record.model_copy(update={"held_out": record.kind == "insight" and held(record.id)})
            for record in passed
        ]
        used, withheld = chosen(passed, limit)
        open_choice = contend and unclear(passed, used)
        return Recall(
            used=used,
            withheld=withheld,
            contenders=tuple(passed) if open_choice else (),
            held_back=tuple(held_back),
        )

    async def search(
        self,
        tenant: TenantId,
        query: str,
        *,
        scopes: Group[str],
        kinds: Sequence[RecordKind] = KINDS,
        limit: int = 10,
        guard: bool = True,
    ) -> SearchResult:
        """See `memory.search.Search.search`."""
        return await self._finding.search(tenant, query, scopes=scopes, kinds=kinds, limit=limit, guard=guard)

    def settle(
        self, recall: Recall, scores: Mapping[RecordId, float] | None, *, limit: int = LIMIT
    ) -> Recall:
        """Make the choice that a recall left open; `scores` are a model's, 0 to 1."""
        return settled(recall, scores, limit=limit)

    async def record_exposures(
        self,
        work: UnitOfWork,
        task: TaskId,
        agent: AgentId,
        recall: Recall,
        positions: Mapping[RecordId, int],
    ) -> bool:
        """Write down what an agent was shown, and what was kept from it, in the caller's transaction.

        Args:
            work: the caller's unit of work.
            task: the agent's task.
            agent: who was shown the records.
            recall: what was recalled for it.
            positions: where in the prompt each used record stood; one that is absent was left out.

        Returns:
            Whether it was not written before.
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
        withheld: list[dict[str, JsonValue]] = [
            {"record": str(one.id), "kind": one.kind, "version": one.version, "decision": "withheld"}
            for one in recall.withheld
        ]
        held_back: list[dict[str, JsonValue]] = [
            {"record": str(one.id), "kind": one.kind, "decision": "held_back", "reason": one.reason}
            for one in recall.held_back
        ]
        rows = [*used, *withheld, *held_back]
        return bool(rows) and await repository.add_exposures(work, task, agent, rows)

    async def learn(self, finished: FinishedTask) -> Learned:
        """See `InsightGraph.learn`. What was learned can be found at once, unless the index fails."""
        learned = await self._graph.learn(finished)
        await self._indexed(finished.tenant)
        return learned

    async def feedback(
        self, work: UnitOfWork, task: TaskId, score: float, key: UUID, *, note: str | None = None
    ) -> tuple[RecordId, ...]:
        """See `memory.insight_graph.credit.feedback`."""
        return await credit.feedback(work, task, score, key, note=note)

    async def lift(self, tenant: TenantId, insight: RecordId) -> Lift:
        """See `memory.insight_graph.credit.lift`."""
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            return await credit.lift(work, insight)

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
    ) -> tuple[dict[RecordId, float], dict[RecordId, float], dict[RecordId, float]]:
        """Similarity by record: the best episodes, insights and notes."""
        vector = (await self._embedder.embed([goal]))[0]

        async def best(collection: Collection, most: int) -> list[Hit]:
            return await self._index.search(
                tenant, collection, vector, text=goal, limit=most, where={"scope": scopes}
            )

        async def of_enough_origins() -> list[Hit]:
            episodes: list[Hit] = []
            for factor in WIDENING:
                most = factor * max(limit, QUORUM)
                episodes = await best("episode", most)
                near = [hit for hit in episodes if hit.similarity >= self._minimum_similarity]
                origins = {hit.payload.get("origin", "") for hit in near}
                if len(origins) >= max(limit, QUORUM) or len(near) < most:
                    break
            return episodes

        episodes, insights, noted = await asyncio.gather(
            of_enough_origins(), best("insight", POOL * limit), best("note", POOL * MAX_NOTES)
        )
        return (
            {RecordId(hit.id): hit.similarity for hit in episodes},
            {RecordId(hit.id): hit.similarity for hit in insights},
            {RecordId(hit.id): hit.similarity for hit in noted},
        )

    def _reviewed(
        self, found: Sequence[Reached], limit: int, role: ReaderRole, share: int
    ) -> tuple[list[RecalledRecord], list[HeldBackRecord]]:
        """What the guard lets through, best first, and what it holds back, nearest first."""
        candidates = {one.record.id: _candidate(one) for one in found}
        verdicts = review(list(candidates.values()), minimum_similarity=self._minimum_similarity)
        held_back = [
            HeldBackRecord(
                id=candidate.id,
                kind=candidate.kind,
                origin=candidate.origin,
                reason=verdict.reason,
                similarity=candidate.similarity,
            )
            for candidate in sorted(candidates.values(), key=lambda one: (-one.similarity, one.id))
            if (verdict := verdicts[candidate.id]).decision == "held_back"
        ]
        kept = {one.id for one in held_back}
        passed: list[RecalledRecord] = []
        for one, score in ranked([one for one in found if one.record.id not in kept], limit):
            candidate = candidates[one.record.id]
            title, lines, version = _told(one.record, role)
            title, lines = fitted(title, lines, share)
            passed.append(
                RecalledRecord(
                    id=candidate.id,
                    kind=candidate.kind,
                    version=version,
                    title=title,
                    lines=lines,
                    similarity=candidate.similarity,
                    score=score,
                    trust=candidate.trust,
                    origin=candidate.origin,
                    verdict=verdicts[candidate.id],
                )
            )
        return passed, held_back


def _candidate(reached: Reached) -> Candidate:
    record = reached.record
    if isinstance(record, Episode):
        return Candidate(
            id=record.id,
            kind="episode",
            origin=record.origin,
            similarity=reached.similarity,
            state=record.state,
            trust=record.trust,
            texts=(
                record.goal,
                *(step.title for step in record.steps),
                record.conclusion or "",
                record.fail_reason or "",
            ),
            actions=record.actions,
        )
    return Candidate(
        id=record.id,
        kind="insight",
        origin=", ".join(record.origins),
        similarity=reached.similarity,
        state=record.state,
        trust=record.provenance.trust,
        texts=(record.about, record.text),
        worth=record.accord,
        voice=str(record.id) if record.state == "active" else f"{record.kind}: {', '.join(record.origins)}",
    )


def _told(record: Episode | Insight, role: ReaderRole) -> tuple[str, tuple[str, ...], int | None]:
    """Title, lines and version."""
    if isinstance(record, Episode):
        return record.goal, episode_lines(record, role), None
    return record.about, insight_lines(record), record.version
