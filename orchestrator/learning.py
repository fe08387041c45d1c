"""After the answer, off the user's path: a finished task becomes an episode in memory."""

from __future__ import annotations

import json
import logging
from typing import Any, cast

from core.database import Database, Row, UnitOfWork, queries
from core.errors import StorageError, TreeholdError
from core.events import Event
from core.ids import TaskId, TenantId
from core.provenance import Provenance
from core.text import clipped, printable
from memory import Action, FinishedTask, Memory, Step
from memory.task_tree import TaskTree

SQL = queries.load(__file__, "learning.sql")
log = logging.getLogger(__name__)

TRIES = 5
_TARGETS = ("path", "url", "paths", "name")


class Learning:
    def __init__(self, database: Database, memory: Memory, task_tree: TaskTree) -> None:
        self._database = database
        self._memory = memory
        self._task_tree = task_tree

    async def learn(self, tenant: TenantId, task: TaskId) -> None:
        """Take one finished task in; repeating it changes nothing.

        What fails is tried again by the reaper's reminder, later each time, and given up after `TRIES`.
        """
        async with self._database.unit_of_work(tenant) as work:
            row = await work.fetch_one(SQL.begin, {"task": task})
            if row is None:
                return
            if row["scope"] is None:
                await work.execute(SQL.mark_learned, {"task": task})
                return
            finished = await self._finished(work, task, row)
        try:
            learned = await self._memory.learn(finished)
        except StorageError:
            raise
        except Exception as error:
            log.exception("learning.failed", extra={"task": str(task)})
            if row["learning_attempts"] >= TRIES:
                await self._close(tenant, _failed(task, error, row["learning_attempts"]))
            return
        await self._close(
            tenant,
            Event(
                task=task,
                kind="memory.learned",
                data={
                    "episode": str(learned.episode),
                    "state": learned.state,
                    "reasons": list(learned.reasons),
                    "insights": [str(insight) for insight in learned.insights],
                },
            ),
        )

    async def _close(self, tenant: TenantId, event: Event) -> None:
        async with self._database.unit_of_work(tenant) as work:
            if await work.execute(SQL.mark_learned, {"task": event.task}):
                work.emit(event)

    async def _finished(self, work: UnitOfWork, task: TaskId, row: Row) -> FinishedTask:
        actions = await work.fetch_all(SQL.actions, {"task": task})
        tree = await self._task_tree.load(work, task, log=False)
        provenance = Provenance.model_validate(row["provenance"])
        return FinishedTask(
            tenant=work.tenant,
            task=task,
            goal=row["goal"],
            outcome=row["status"],
            origin=_origin(provenance),
            scope=row["scope"],
            steps=tuple(Step(title=node.title, status=node.status) for node in tree.nodes),
            actions=tuple(_action(action) for action in actions),
            conclusion=clipped(row["answer"]["text"], 2000) if row["answer"] else None,
            provenance=provenance,
        )


def _failed(task: TaskId, error: Exception, attempts: int) -> Event:
    reason = error.message if isinstance(error, TreeholdError) else type(error).__name__
    return Event(task=task, kind="memory.failed", data={"reason": clipped(reason, 500), "attempts": attempts})


def _origin(provenance: Provenance) -> str:
    """Whose word the task is: the principal that submitted it."""
    return next((f"user:{origin.id}" for origin in provenance.origins if origin.kind == "user"), "platform")


def _action(row: Row) -> Action:
    return Action(tool=row["name"], target=_target(row["arguments"]), effect=row["effect"])


def _target(arguments: str) -> str:
    try:
        parsed = json.loads(arguments)
    except ValueError:
        return ""
    if not isinstance(parsed, dict):
        return ""
    given = cast(dict[str, Any], parsed)
    found = next((given[name] for name in _TARGETS if given.get(name)), "")
    return clipped(printable(found if isinstance(found, str) else json.dumps(found)), 300)
