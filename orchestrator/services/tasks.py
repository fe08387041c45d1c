"""Tasks as the faces use them: submit, look, follow, cancel. Implements `ports.Tasks`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any
from uuid import UUID

from agents.brief import Brief
from core.clock import Clock
from core.database import Database, Row, UnitOfWork, jsonb, queries
from core.errors import InvalidInput, NotFound
from core.events import TERMINAL_EVENT, Event
from core.grant import Capabilities, Grant
from core.ids import AgentId, IdSource, TaskId
from core.tracing import caller_header
from memory.task_tree import TaskTree
from orchestrator.services import rows
from orchestrator.services.admission import Admission
from orchestrator.services.cursors import decode, encode
from orchestrator.services.event_feed import EventFeed
from orchestrator.services.idempotency import KeyedRequest
from orchestrator.services.intake import Intake
from orchestrator.services.messages import refuse_open
from orchestrator.services.ports import Submitted
from orchestrator.services.principal import Principal
from orchestrator.services.views import (
    ArtifactView,
    BudgetView,
    CallView,
    EventView,
    ModelDescription,
    Page,
    RevisionView,
    Submission,
    TaskStatus,
    TaskView,
    TreeView,
)
from orchestrator.topics import LEARN
from orchestrator.turns import budget, gate
from orchestrator.turns.spawning import insert_root

SQL = queries.load(__file__, "tasks.sql")


class TaskService:
    def __init__(
        self,
        database: Database,
        clock: Clock,
        ids: IdSource,
        task_tree: TaskTree,
        intake: Intake,
        admission: Admission,
        model: ModelDescription,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._task_tree = task_tree
        self._intake = intake
        self._admission = admission
        self._model = model
        self._feed = EventFeed(database, clock)

    # Writing

    async def submit(
        self, principal: Principal, submission: Submission, *, idempotency_key: str | None
    ) -> Submitted:
        principal.require("tasks:write")
        keyed = None if idempotency_key is None else _keyed(submission, idempotency_key)
        if keyed is not None:
            async with self._database.unit_of_work(principal.tenant) as work:
                if (earlier := await keyed.earlier(work)) is not None:
                    return Submitted(task=await read_task(work, earlier), replayed=True)
        await self._admission.check(principal.tenant)
        schema = None if submission.output_schema is None else gate.closed(submission.output_schema)
        surveyed = await self._intake.check(submission)
        capabilities = self._intake.capabilities(principal, submission)
        task = TaskId(self._ids.new())
        async with self._database.unit_of_work(principal.tenant) as work:
            if keyed is not None and (earlier := await keyed.claim(work, task)) is not None:
                return Submitted(task=await read_task(work, earlier), replayed=True)
            await work.execute(
                SQL.insert_task,
                {
                    "id": task,
                    "tenant": principal.tenant,
                    "goal": submission.goal,
                    "workspace": surveyed.workspace,
                    "output_schema": None if schema is None else jsonb(schema),
                    "model": jsonb(self._model.model_dump(mode="json")),
                    "granted": jsonb(submission.budget.model_dump(mode="json")),
                    "tags": jsonb(submission.tags),
                    "traceparent": caller_header(),
                },
            )
            work.emit(
                Event(
                    task=task,
                    kind="task.submitted",
                    data={
                        "goal": submission.goal,
                        "model": self._model.model_dump(mode="json"),
                        "workspace": surveyed.workspace,
                        "files": surveyed.files,
                        "skipped": surveyed.skipped,
                    },
                )
            )
            await self._insert_root(work, principal, submission, task, schema, capabilities)
            view = await read_task(work, task)
        return Submitted(task=view, replayed=False)

    async def _insert_root(
        self,
        work: UnitOfWork,
        principal: Principal,
        submission: Submission,
        task: TaskId,
        schema: dict[str, Any] | None,
        capabilities: Capabilities,
    ) -> None:
        root = AgentId(self._ids.new())
        seconds = submission.budget.seconds
        grant = Grant(
            budget=submission.budget,
            capabilities=capabilities,
            deadline=None if seconds is None else self._clock.now() + timedelta(seconds=seconds),
        )
        brief = Brief(task_goal=submission.goal, question=submission.goal, output_schema=schema)
        await insert_root(work, root, task, brief=brief, grant=grant, key=principal.key)

    async def cancel(self, principal: Principal, task: UUID) -> TaskView:
        principal.require("tasks:write")
        async with self._database.unit_of_work(principal.tenant) as work:
            if (await _state(work, task))["status"] == "running":
                await self._stop(work, TaskId(task))
            return await read_task(work, task)

    async def _stop(self, work: UnitOfWork, task: TaskId) -> None:
        """All at once: the raised fences shut running turns out, and their leases are not extended.

        Rows are locked in the order of closing transactions: agents, budgets, then the task.
        """
        agents: list[AgentId] = []
        while stopped := await work.fetch_all(SQL.cancel_agents, {"task": task}):
            agents += [AgentId(row["id"]) for row in stopped]
        await budget.settle_ended(work, agents)
        await work.execute(SQL.announce_cancel, {"task": task})
        finished = await work.fetch_one(SQL.cancel_task, {"task": task})
        if finished is None:
            return
        work.enqueue(LEARN, task)
        await refuse_open(work, task)
        work.emit(Event(task=task, kind="task.cancelling"))
        for agent in agents:
            work.emit(Event(task=task, agent=agent, kind="agent.cancelled"))
        work.emit(
            Event(
                task=task,
                kind=TERMINAL_EVENT,
                data={
                    "status": "cancelled",
                    "stop_reason": "cancelled",
                    "seconds": round(finished["seconds"], 3),
                },
            )
        )

    # Reading

    async def get(self, principal: Principal, task: UUID) -> TaskView:
        principal.require("tasks:read")
        async with self._database.unit_of_work(principal.tenant) as work:
            return await read_task(work, task)

    async def list(
        self, principal: Principal, *, status: TaskStatus | None, limit: int, cursor: str | None
    ) -> Page[TaskView]:
        principal.require("tasks:read")
        before, before_id = decode(cursor)
        async with self._database.unit_of_work(principal.tenant) as work:
            found = await work.fetch_all(
                SQL.tasks,
                {
                    "task": None,
                    "status": status,
                    "before": before,
                    "before_id": before_id,
                    "limit": limit + 1,
                },
            )
        more = len(found) > limit
        tasks = tuple(rows.task(row) for row in found[:limit])
        cursor = encode(tasks[-1].created_at, tasks[-1].id) if more else None
        return Page[TaskView](data=tasks, next_cursor=cursor, has_more=more)

    async def tree(self, principal: Principal, task: UUID, *, revision: int | None = None) -> TreeView:
        principal.require("tasks:read")
        async with self._database.unit_of_work(principal.tenant) as work:
            view = await read_task(work, task)
            agents = await work.fetch_all(SQL.agents, {"task": task})
            tree = await self._task_tree.load(work, TaskId(task), log=False)
            if revision is not None:
                if revision > tree.head:
                    raise InvalidInput(
                        f"the plan of task {task} is at revision {tree.head}: there is no {revision} yet",
                        code="no_such_revision",
                    )
                tree = await self._task_tree.load_at(work, TaskId(task), revision)
        return TreeView(
            task=view,
            agents=tuple(rows.agent(row) for row in agents),
            nodes=tuple(rows.node(node) for node in tree.nodes),
            revision=tree.head,
        )

    async def revisions(
        self, principal: Principal, task: UUID, *, after: int, limit: int
    ) -> list[RevisionView]:
        principal.require("tasks:read")
        async with self._database.unit_of_work(principal.tenant) as work:
            await _state(work, task)
            found = await self._task_tree.log(work, TaskId(task), after=after, limit=limit)
        return [rows.revision(each) for each in found]

    async def budget(self, principal: Principal, task: UUID) -> BudgetView:
        principal.require("tasks:read")
        async with self._database.unit_of_work(principal.tenant) as work:
            await _state(work, task)
            return BudgetView(task=task, accounts=rows.accounts(await budget.of_task(work, task)))

    async def events(self, principal: Principal, task: UUID, *, after: int, limit: int) -> list[EventView]:
        principal.require("tasks:read")
        async with self._database.unit_of_work(principal.tenant) as work:
            await _state(work, task)
            found = await work.fetch_all(SQL.events, {"task": task, "after": after, "limit": limit})
        return [rows.event(row) for row in found]

    def follow(self, principal: Principal, task: UUID, *, after: int) -> AsyncGenerator[EventView]:
        principal.require("tasks:read")
        return self._feed.follow(principal.tenant, task, after=after)

    async def call(self, principal: Principal, task: UUID, call: UUID) -> CallView:
        principal.require("tasks:read")
        async with self._database.unit_of_work(principal.tenant) as work:
            row = await work.fetch_one(SQL.call, {"task": task, "call": call})
        if row is None:
            raise NotFound(f"task {task} has no call {call}")
        return rows.call(row)

    async def calls(self, principal: Principal, task: UUID, agent: UUID | None) -> list[CallView]:
        principal.require("tasks:read")
        async with self._database.unit_of_work(principal.tenant) as work:
            await _state(work, task)
            found = await work.fetch_all(SQL.calls, {"task": task, "agent": agent})
        return [rows.call(row) for row in found]

    async def artifacts(self, principal: Principal, task: UUID) -> list[ArtifactView]:
        principal.require("tasks:read")
        async with self._database.unit_of_work(principal.tenant) as work:
            await _state(work, task)
            found = await work.fetch_all(SQL.artifacts, {"task": task})
        return [rows.artifact(row) for row in found]

    async def artifact(self, principal: Principal, artifact: UUID) -> tuple[ArtifactView, bytes]:
        principal.require("tasks:read")
        async with self._database.unit_of_work(principal.tenant) as work:
            row = await work.fetch_one(SQL.artifact, {"artifact": artifact})
        if row is None:
            raise NotFound(f"no artifact {artifact}")
        return rows.artifact(row), bytes(row["content"])


async def read_task(work: UnitOfWork, task: UUID) -> TaskView:
    """A task as it stands, with what the unit of work wrote so far. Raises `NotFound`."""
    await work.flush()
    row = await work.fetch_one(
        SQL.tasks, {"task": task, "status": None, "before": None, "before_id": None, "limit": 1}
    )
    if row is None:
        raise NotFound(f"no task {task}")
    return rows.task(row)


async def _state(work: UnitOfWork, task: UUID) -> Row:
    row = await work.fetch_one(SQL.task_exists, {"task": task})
    if row is None:
        raise NotFound(f"no task {task}")
    return row


def _keyed(submission: Submission, key: str) -> KeyedRequest:
    asked = submission.model_dump(mode="json")
    for name in ("approve", "hosts", "tools"):
        asked[name] = asked[name] and sorted(asked[name])
    return KeyedRequest(route="POST /v1/tasks", key=key, asked=asked)
