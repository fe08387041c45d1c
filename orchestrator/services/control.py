"""Pause and resume. Implements `orchestrator.services.ports.Control`.

To pause is one row: no agent of a paused task is claimed, and no call begins in it. Calls in flight finish
and are recorded; then their turns are handed back. Its deadlines, timers and approvals stand still.
"""

from __future__ import annotations

from uuid import UUID

from core.database import Database, Row, UnitOfWork, queries
from core.errors import Conflict, NotFound
from core.events import Event
from core.ids import TaskId
from orchestrator.services import rows
from orchestrator.services.principal import Principal
from orchestrator.services.views import TaskView
from orchestrator.topics import ADVANCE

SQL = queries.load(__file__, "control.sql")
TASKS = queries.load(__file__, "tasks.sql")


class ControlService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def pause(self, principal: Principal, task: UUID) -> TaskView:
        principal.require("tasks:write")
        async with self._database.unit_of_work(principal.tenant) as work:
            if await work.execute(SQL.pause, {"task": task}):
                work.emit(Event(task=TaskId(task), kind="task.paused"))
            else:
                await _require_running(work, task, "pause")
            return await _view(work, task)

    async def resume(self, principal: Principal, task: UUID) -> TaskView:
        principal.require("tasks:write")
        async with self._database.unit_of_work(principal.tenant) as work:
            resumed = await work.fetch_one(SQL.resume, {"task": task})
            if resumed is None:
                await _require_running(work, task, "resume")
            else:
                for row in await work.fetch_all(SQL.ready, {"task": task}):
                    work.enqueue(ADVANCE, row["id"])
                work.emit(
                    Event(
                        task=TaskId(task),
                        kind="task.resumed",
                        data={"paused_seconds": round(resumed["seconds"], 3)},
                    )
                )
            return await _view(work, task)


async def _require_running(work: UnitOfWork, task: UUID, what: str) -> None:
    row: Row | None = await work.fetch_one(SQL.status, {"task": task})
    if row is None:
        raise NotFound(f"no task {task}")
    if row["status"] != "running":
        raise Conflict(f"there is nothing to {what}: task {task} is already {row['status']}")


async def _view(work: UnitOfWork, task: UUID) -> TaskView:
    await work.flush()
    wanted = {"task": task, "status": None, "before": None, "before_id": None, "limit": 1}
    row = await work.fetch_one(TASKS.tasks, wanted)
    assert row is not None, "a task that was just looked at"
    return rows.task(row)
