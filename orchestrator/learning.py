"""After the answer, off the user's path: a finished task becomes an episode in memory."""

from __future__ import annotations

import json
from typing import Any, cast

from core.database import Database, Row, queries
from core.events import Event
from core.ids import TaskId, TenantId
from core.provenance import Provenance
from core.text import clipped, printable
from memory import Action, FinishedTask, Memory, Step
from memory.task_tree import TaskTree

SQL = queries.load(__file__, "learning.sql")
_TARGETS = ("path", "url", "paths", "name")


class Learning:
    def __init__(self, database: Database, memory: Memory, task_tree: TaskTree) -> None:
        self._database = database
        self._memory = memory
        self._task_tree = task_tree

    async def learn(self, tenant: TenantId, task: TaskId) -> None:
        """Take one finished task in; repeating it changes nothing."""
        finished = await self._load(tenant, task)
        if finished is None:
            return
        learned = await self._memory.learn(finished)
        async with self._database.unit_of_work(tenant) as work:
            if await work.execute(SQL.mark_learned, {"task": task}):
                work.emit(
                    Event(
                        task=task,
                        kind="memory.learned",
                        data={
                            "episode": str(learned.episode),
                            "state": learned.state,
                            "reasons": list(learned.reasons),
                            "insights": [str(insight) for insight in learned.insights],
                        },
                    )
                )

    async def _load(self, tenant: TenantId, task: TaskId) -> FinishedTask | None:
        async with self._database.unit_of_work(tenant) as work:
            row = await work.fetch_one(SQL.finished, {"task": task})
            if row is None or row["learned_at"] is not None:
                return None
            actions = await work.fetch_all(SQL.actions, {"task": task})
            tree = await self._task_tree.load(work, task, log=False)
        provenance = Provenance.model_validate(row["provenance"])
        return FinishedTask(
            tenant=tenant,
            task=task,
            goal=row["goal"],
            outcome=row["status"],
            origin=_origin(provenance),
            steps=tuple(Step(title=node.title, status=node.status) for node in tree.nodes),
            actions=tuple(_action(action) for action in actions),
            conclusion=clipped(row["answer"]["text"], 2000) if row["answer"] else None,
            provenance=provenance,
        )


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
