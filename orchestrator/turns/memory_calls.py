"""What a turn asks of memory: recall, journalled, and changes of the task tree, applied once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from pydantic import JsonValue

from core.database import Database, UnitOfWork
from core.events import Event
from core.ids import RecordId, derived
from core.provenance import Provenance
from core.text import clipped
from memory import Memory, Recall
from memory.task_tree import Diff, Operation, TaskTree, Tree
from orchestrator.turns.journal import Entry, Journal


class MemoryCalls:
    def __init__(self, database: Database, memory: Memory, task_tree: TaskTree, journal: Journal) -> None:
        self._database = database
        self._memory = memory
        self._task_tree = task_tree
        self._journal = journal
        self._lease = journal.lease

    async def recall(self, position: int, goal: str, *, scopes: frozenset[str], contend: bool) -> Recall:
        """`contend` leaves an unclear choice to `settle`, which then tells what was recalled."""
        entry = Entry(position=position, kind="recall", name="recall", effect="pure", request={"goal": goal})
        call = str(self._journal.call_id(position))
        started = self._journal.event("recall.started", call=call, position=position)
        recorded = await self._journal.begin(entry, started)
        if recorded is not None and recorded.state == "done":
            return Recall.model_validate(recorded.outcome)
        recall = await self._memory.recall(
            self._lease.tenant, goal, scopes=scopes, task=self._lease.task, contend=contend
        )

        async def expose(work: UnitOfWork) -> None:
            await self._expose(work, recall)

        told = not recall.contenders
        await self._journal.conclude(
            entry,
            state="done",
            outcome=recall.model_dump(mode="json"),
            used={},
            events=self._events(call, recall) if told else [],
            also=expose if told else None,
        )
        return recall

    async def settle(
        self, position: int, recall: Recall, scores: Mapping[RecordId, float] | None, *, follows: bool
    ) -> Recall:
        """Make the choice that the recall at a position left open, and tell it, once.

        A fork that `follows` was shown what its source was shown, and is not counted a second time.
        """
        settled = self._memory.settle(recall, scores)
        if follows:
            return settled
        async with self._journal.fenced() as work:
            if await self._expose(work, settled):
                for event in self._events(str(self._journal.call_id(position)), settled):
                    work.emit(event)
        return settled

    async def _expose(self, work: UnitOfWork, recall: Recall) -> bool:
        positions = {record.id: place for place, record in enumerate(recall.used)}
        return await self._memory.record_exposures(
            work, self._lease.task, self._lease.agent, recall, positions
        )

    async def tree(self, revision: int | None) -> Tree:
        """As it stands, or as it was after a revision."""
        async with self._database.unit_of_work(self._lease.tenant) as work:
            if revision is None:
                return await self._task_tree.load(work, self._lease.task, log=False)
            return await self._task_tree.load_at(work, self._lease.task, revision)

    async def revise(self, position: int, operations: Sequence[Operation], *, provenance: Provenance) -> Diff:
        change_id = str(derived(self._lease.agent, "revise", position))
        async with self._journal.fenced() as work:
            diff = await self._task_tree.apply(
                work,
                self._lease.task,
                operations,
                actor=f"agent:{self._lease.agent}",
                change_id=change_id,
                provenance=provenance,
            )
            if not diff.replayed:
                work.emit(tree_revised(self._lease.task, self._lease.agent, diff))
        return diff

    def _events(self, call: str, recall: Recall) -> list[Event]:
        used: list[JsonValue] = [
            {
                "id": str(record.id),
                "kind": record.kind,
                "origin": record.origin,
                "similarity": round(record.similarity, 4),
                "position": position,
                "title": clipped(record.title, 200),
            }
            for position, record in enumerate(recall.used)
        ]
        held: list[JsonValue] = [
            {
                "id": str(record.id),
                "kind": record.kind,
                "origin": record.origin,
                "similarity": round(record.similarity, 4),
                "reason": record.reason,
            }
            for record in recall.held_back
        ]
        withheld: list[JsonValue] = [{"id": str(one.id), "kind": one.kind} for one in recall.withheld]
        events = [
            self._journal.event(
                "recall.used", call=call, records=used, withheld=withheld, degraded=recall.degraded
            )
        ]
        if held:
            events.append(self._journal.event("recall.held_back", call=call, records=held))
        return events


def tree_revised(task: UUID, agent: UUID | None, diff: Diff) -> Event:
    changes: list[JsonValue] = [
        {
            "op": revision.op,
            "key": revision.after.key,
            "title": revision.after.title,
            "status": revision.after.status,
        }
        for revision in diff.revisions
    ]
    return Event.model_validate(
        {
            "task": task,
            "agent": agent,
            "kind": "tree.revised",
            "data": {"revision": diff.head, "changes": changes},
        }
    )
