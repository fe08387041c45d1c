"""What an agent is shown, by three ways of remembering: nothing, the nearest advice, and the real memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from uuid import UUID

from bench.memory.learning.family import Kind
from bench.support.site import temporary_site
from core.database import Database
from core.ids import DEFAULT_TENANT, AgentId, RecordId, TaskId
from core.provenance import Provenance, Trust
from core.scopes import EVERY
from memory import FinishedTask, Lift, Memory
from memory.embedder import MiniLm
from memory.index import PgVectorIndex
from memory.index.generations import OneGeneration
from memory.index.indexer import Indexer
from memory.insight_graph import EpisodeSource, InsightSource
from memory.insight_graph.operations import Add
from memory.ports import Collection, Source

PEOPLE = ("ann", "bob", "cho", "dan", "eve")
SCOPES = frozenset({"tenant"})
SHOWN = 2
"""Pieces of advice an agent is shown at most, whoever chooses them."""

FIRST_TASKS = 9
"""Tasks of each kind that memory knows before it begins; its advice was drawn from them."""


@dataclass
class Exposures:
    """Of one piece of advice: chances of the tasks it was shown to or withheld from, when it was retired."""

    shown: list[float] = field(default_factory=list[float])
    withheld: list[float] = field(default_factory=list[float])
    retired_after: int | None = None

    @property
    def tasks(self) -> int:
        return len(self.shown) + len(self.withheld)


class Stage:
    """A memory over Postgres with pgvector and MiniLM, and the family's advice in it.

    Attributes:
        exposures: by the advice's text.
        ids: of the advice, by its text.
    """

    def __init__(self, database: Database, ids: Random, *, holdout: float) -> None:
        self._random = ids
        self._database = database
        self._embedder = MiniLm()
        self._index = PgVectorIndex(database, self._embedder)
        sources: dict[Collection, Source] = {"episode": EpisodeSource(), "insight": InsightSource()}
        self._indexer = Indexer(database, sources, OneGeneration(self._embedder, self._index))
        self.memory = Memory(
            database=database,
            embedder=self._embedder,
            index=self._index,
            indexer=self._indexer,
            holdout=holdout,
        )
        self.exposures: dict[str, Exposures] = {}
        self.ids: dict[str, RecordId] = {}

    async def prepare(self, kinds: Sequence[Kind], random: Random) -> None:
        """Advice enters as all advice does: drawn from finished tasks of several people, by operations."""
        await self._index.prepare()
        for kind in kinds:
            cluster: UUID | None = None
            for number in range(FIRST_TASKS):
                task = self._finished(kind.task(random), number, ended_well=True, reward=None)
                cluster = (await self.memory.learn(task)).cluster
            assert cluster is not None
            await self._advise(kind, cluster)
        await self._indexer.drain()

    async def _advise(self, kind: Kind, cluster: UUID) -> None:
        """As many refinements as it takes; each may add a third as much as it sees episodes."""
        waiting = list(kind.advice)
        while waiting:
            task = TaskId(self._uuid())
            refinement = await self.memory.refining.claim(DEFAULT_TENANT, task, cluster)
            if refinement is None:
                await self.memory.learn(self._finished(kind.goal, 0, ended_well=True, reward=None))
                continue
            refs = tuple(shown.ref for shown in refinement.episodes)
            adds = [Add(op="add", text=advice.text, episodes=refs) for advice in waiting[:3]]
            async with self._database.unit_of_work(DEFAULT_TENANT, scopes=EVERY) as work:
                made = await self.memory.refining.refine(work, refinement, adds, model="simulated")
            for advice, one in zip(waiting, made.added, strict=False):
                self.ids[advice.text] = one
                self.exposures[advice.text] = Exposures()
            waiting = waiting[len(made.added) :]

    async def nearest(self, goal: str) -> set[str]:
        """The advice nearest to a goal, as plain retrieval gives it, for ever."""
        vector = (await self._embedder.embed([goal]))[0]
        hits = await self._index.search(
            DEFAULT_TENANT, "insight", vector, limit=2 * SHOWN, where={"kind": "advice"}
        )
        texts = {one: text for text, one in self.ids.items()}
        return {texts[RecordId(hit.id)] for hit in hits[:SHOWN]}

    async def remembered(self, kind: Kind, goal: str, number: int, random: Random) -> bool:
        """One task with the real memory: recall, the task's end, learning. Whether it ended well."""
        task, agent = TaskId(self._uuid()), AgentId(self._uuid())
        recall = await self.memory.recall(DEFAULT_TENANT, goal, scopes=SCOPES, task=task)
        texts = {one: text for text, one in self.ids.items()}
        shown = {texts[record.id] for record in recall.used if record.id in texts}
        chance = kind.chance(shown)
        ended_well = random.random() < chance
        positions = {record.id: place for place, record in enumerate(recall.used)}
        async with self._database.unit_of_work(DEFAULT_TENANT, scopes=EVERY) as work:
            await self.memory.record_exposures(work, task, agent, recall, positions)
        for text in shown:
            self.exposures[text].shown.append(chance)
        for one in recall.withheld:
            if one.id in texts:
                self.exposures[texts[one.id]].withheld.append(chance)
        finished = self._finished(goal, number, ended_well=ended_well, reward=float(ended_well))
        learned = await self.memory.learn(finished.model_copy(update={"task": task}))
        for one in learned.retired:
            if one in texts:
                self.exposures[texts[one]].retired_after = self.exposures[texts[one]].tasks
        return ended_well

    async def lift(self, text: str) -> Lift:
        return await self.memory.lift(DEFAULT_TENANT, self.ids[text])

    def _finished(self, goal: str, number: int, *, ended_well: bool, reward: float | None) -> FinishedTask:
        return FinishedTask(
            tenant=DEFAULT_TENANT,
            task=TaskId(self._uuid()),
            goal=goal,
            outcome="done" if ended_well else "failed",
            origin=f"user:{PEOPLE[number % len(PEOPLE)]}",
            reward=reward,
            provenance=Provenance(tenant=DEFAULT_TENANT, trust=Trust.USER),
        )

    def _uuid(self) -> UUID:
        return UUID(int=self._random.getrandbits(128), version=4)


@asynccontextmanager
async def open_stage(seed: int, *, holdout: float) -> AsyncGenerator[Stage]:
    async with temporary_site() as site:
        database = Database(site.conninfo, size=6)
        await database.open()
        try:
            yield Stage(database, Random(seed), holdout=holdout)
        finally:
            await database.close()
