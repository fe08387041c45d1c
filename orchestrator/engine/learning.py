"""After the answer, off the user's path: a finished task becomes an episode, and a model makes more of it."""

from __future__ import annotations

import logging
from uuid import UUID

from pydantic import JsonValue

from agents import distilling
from core.database import Database, queries
from core.errors import ModelOutputInvalid, ModelRefused, StorageError, TreeholdError
from core.events import Event, EventKind
from core.ids import TaskId, TenantId
from core.scopes import EVERY
from core.text import clipped
from memory import FinishedTask, Learned, Memory
from memory.insight_graph.material import Material, Refinement
from memory.insight_graph.reward import Evaluator, quantised
from orchestrator.engine.learning_journal import Answered, LearningCall, LearningJournal
from orchestrator.engine.retelling import Retelling

SQL = queries.load(__file__, "learning.sql")
log = logging.getLogger(__name__)

TRIES = 5

UNUSABLE = "unusable_reply"

_FINAL = {None, ModelOutputInvalid.code, ModelRefused.code}
"""A model that answered so answers so again; `None` is a reply that could not be read."""


class Learning:
    """Three steps, each done once however often they are begun: learn, condense, refine.

    Args:
        database: where tasks are.
        memory: takes them in.
        retelling: what memory is told.
        journal: for what a model is asked.
        evaluator: a deployment's own judge, where it has one.
    """

    def __init__(
        self,
        database: Database,
        memory: Memory,
        retelling: Retelling,
        journal: LearningJournal,
        *,
        evaluator: Evaluator | None = None,
    ) -> None:
        self._database = database
        self._memory = memory
        self._retelling = retelling
        self._journal = journal
        self._evaluator = evaluator

    async def learn(self, tenant: TenantId, task: TaskId) -> None:
        """Take one finished task in; repeating it changes nothing.

        What fails is tried again by the reaper's reminder, later each time, and given up after `TRIES`.
        """
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            row = await work.fetch_one(SQL.begin, {"task": task})
            if row is None:
                return
            if row["scope"] is None:
                await work.execute(SQL.mark_learned, {"task": task})
                return
            finished = await self._retelling.finished(work, task, row)
        try:
            learned = await self._memory.learn(await self._evaluated(finished))
            await self._condense(tenant, task)
            if learned.cluster is not None:
                await self._refine(tenant, task, learned.cluster)
        except StorageError:
            raise
        except Exception as error:
            log.exception("learning.failed", extra={"task": str(task)})
            if row["learning_attempts"] >= TRIES:
                await self._close(tenant, _failed(task, error, row["learning_attempts"]))
            return
        await self._close(tenant, _learned(task, learned))

    async def _evaluated(self, finished: FinishedTask) -> FinishedTask:
        if self._evaluator is None or finished.reward is None:
            return finished
        try:
            score = await self._evaluator.score(finished)
        except Exception:
            log.exception("evaluator.failed", extra={"task": str(finished.task)})
            return finished
        if score is None:
            return finished
        return finished.model_copy(update={"reward": quantised(score)})

    async def _condense(self, tenant: TenantId, task: TaskId) -> None:
        material = await self._memory.refining.material(tenant, task)
        if material is None or not self._journal.may_ask:
            return
        begun = await self._journal.begun(tenant, task, "condense")
        if begun is not None:
            material = Material.model_validate(begun.material)
        answered = await self._journal.ask(
            LearningCall(
                tenant=tenant,
                task=task,
                kind="condense",
                subject=material.episode,
                request=begun.request if begun else distilling.condense_request(material),
                material=material.model_dump(mode="json"),
            )
        )
        read = None if answered.reply is None else distilling.condensed(answered.reply, material)
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            written = await self._memory.refining.condense(work, material, read)
            if await self._journal.applied(work, task, "condense"):
                told = _unusable(answered) if read is None else {}
                work.emit(
                    _event(task, "memory.condensed", answered, {**written.model_dump(mode="json"), **told})
                )

    async def _refine(self, tenant: TenantId, task: TaskId, cluster: UUID) -> None:
        if not self._journal.may_ask:
            return
        begun = await self._journal.begun(tenant, task, "refine")
        if begun is not None and begun.applied:
            return
        if begun is None:
            refinement = await self._memory.refining.claim(tenant, task, cluster)
            if refinement is None:
                return
        else:
            refinement = Refinement.model_validate(begun.material)
        answered = await self._journal.ask(
            LearningCall(
                tenant=tenant,
                task=task,
                kind="refine",
                subject=cluster,
                request=begun.request if begun else distilling.refine_request(refinement),
                material=refinement.model_dump(mode="json"),
            )
        )
        await self._apply(tenant, refinement, answered)

    async def _apply(self, tenant: TenantId, refinement: Refinement, answered: Answered) -> None:
        refining = self._memory.refining
        reply = answered.reply
        operations = None if reply is None else distilling.refinements(reply)
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            first = await self._journal.applied(work, refinement.task, "refine")
            if operations is None or reply is None:
                await refining.pass_over(work, refinement, again=answered.told.get("error") not in _FINAL)
                what = _unusable(answered)
            elif first:
                refined = await refining.refine(work, refinement, operations, model=reply.model)
                what = refined.model_dump(mode="json")
            else:
                return
            if first:
                what = {"cluster": str(refinement.cluster), "episodes": len(refinement.new), **what}
                work.emit(_event(refinement.task, "memory.refined", answered, what))

    async def _close(self, tenant: TenantId, event: Event) -> None:
        async with self._database.unit_of_work(tenant) as work:
            if await work.execute(SQL.mark_learned, {"task": event.task}):
                work.emit(event)


def _learned(task: TaskId, learned: Learned) -> Event:
    return Event(
        task=task,
        kind="memory.learned",
        data={
            "episode": str(learned.episode),
            "state": learned.state,
            "reasons": list(learned.reasons),
            "insights": [str(insight) for insight in learned.insights],
            "retired": [str(insight) for insight in learned.retired],
        },
    )


def _event(task: TaskId, kind: EventKind, answered: Answered, what: dict[str, JsonValue]) -> Event:
    return Event(task=task, kind=kind, data={**answered.told, **what})


def _unusable(answered: Answered) -> dict[str, JsonValue]:
    """A reply that came and could not be read; where none came, the call's own error says why."""
    return {} if answered.reply is None else {"error": UNUSABLE}


def _failed(task: TaskId, error: Exception, attempts: int) -> Event:
    reason = error.message if isinstance(error, TreeholdError) else type(error).__name__
    return Event(task=task, kind="memory.failed", data={"reason": clipped(reason, 500), "attempts": attempts})
