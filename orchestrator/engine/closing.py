"""The closing transaction of a turn, and what follows from it upstairs."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Literal

from pydantic import JsonValue

from core.database import Database, Row, UnitOfWork, jsonb, queries
from core.errors import AgentFailed, BudgetExhausted, TreeholdError
from core.events import Event
from core.grant import Grant
from core.ids import AgentId, TaskId, TenantId, derived
from core.signals import LeaseLost, Unheard
from memory.task_tree import Operation, SetStatus, Share, TaskTree
from orchestrator.services.messages import refuse_open
from orchestrator.topics import ADVANCE, LEARN
from orchestrator.turns import budget, following
from orchestrator.turns.journal import told_columns
from orchestrator.turns.lease import Lease
from orchestrator.turns.memory_calls import tree_revised
from orchestrator.turns.spawning import NewAgent, insert_agents, refuse_circles
from orchestrator.turns.turn import LiveTurn

SQL = queries.load(__file__, "closing.sql")


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a graph left its turn."""

    state: Literal["waiting", "done", "failed"]
    on: str | None = None
    error: TreeholdError | None = None

    @classmethod
    def waiting(cls, on: str) -> Outcome:
        return cls(state="waiting", on=on)

    @classmethod
    def done(cls, cut: BudgetExhausted | None = None) -> Outcome:
        """`cut` is the limit that made it a partial one."""
        return cls(state="done", error=cut)

    @classmethod
    def failed(cls, error: TreeholdError) -> Outcome:
        return cls(state="failed", error=error)


class Closing:
    """Writes how turns end.

    Once the fence has moved on nothing changes, and `close` raises `LeaseLost`; where a message waits for an
    agent that is done, nothing changes either, and it raises `Unheard`.
    """

    def __init__(self, database: Database, task_tree: TaskTree) -> None:
        self._database = database
        self._task_tree = task_tree

    async def close(self, lease: Lease, turn: LiveTurn, outcome: Outcome, checkpoint: Row | None) -> None:
        if outcome.state != "waiting" and turn.agent.role == "worker" and not turn.artifacts.rows:
            await self._end_alone(lease, turn, outcome)
            return
        async with self._database.unit_of_work(lease.tenant) as work:
            if outcome.state == "failed":
                await self._stop_children(work, lease.task, lease.agent)
            await turn.journal.settle(work)
            if outcome.state == "waiting":
                await self._wait(work, lease, turn, outcome, checkpoint)
            else:
                await self._finish(work, lease, turn, outcome)

    async def hand_back(self, lease: Lease, *, paused: bool = False) -> None:
        """Give the agent to another worker, at once or when its task goes on.

        Nothing of the turn but its journal remains.
        """
        async with self._database.unit_of_work(lease.tenant) as work:
            if await work.execute(SQL.hand_back, {"agent": lease.agent, "fence": lease.fence}):
                work.enqueue(ADVANCE, lease.agent)
                if paused:
                    work.emit(Event(task=lease.task, agent=lease.agent, kind="agent.paused"))

    async def _wait(
        self, work: UnitOfWork, lease: Lease, turn: LiveTurn, outcome: Outcome, checkpoint: Row | None
    ) -> None:
        if checkpoint is None:
            raise AgentFailed("a turn that waits left no checkpoint", code="internal")
        closed = await work.fetch_one(
            SQL.close_waiting,
            {
                "agent": lease.agent,
                "fence": lease.fence,
                "spawned": len(turn.children),
                "waiting_on": outcome.on,
                "position": turn.position,
                "provenance": jsonb(turn.provenance.model_dump(mode="json")),
            },
        )
        if closed is None:
            raise LeaseLost(lease.agent)
        await work.execute(
            SQL.save_checkpoint,
            checkpoint | {"tenant": lease.tenant, "agent": lease.agent, "fence": lease.fence},
        )
        if turn.children:
            await self._spawn(work, lease, turn)
        if closed["state"] == "ready":
            work.enqueue(ADVANCE, lease.agent)
        work.emit(
            Event(
                task=lease.task,
                agent=lease.agent,
                kind="agent.waiting",
                data={"on": outcome.on, "children": len(turn.children)},
            )
        )

    async def _spawn(self, work: UnitOfWork, lease: Lease, turn: LiveTurn) -> None:
        await refuse_circles(work, lease.agent, [spec for _, spec in turn.children])
        deadline = turn.agent.grant.deadline
        await insert_agents(
            work,
            [
                NewAgent(
                    id=child,
                    task=lease.task,
                    parent=lease.agent,
                    position=turn.agent.spawned + offset,
                    depth=turn.agent.depth + 1,
                    key=spec.key,
                    role=spec.role,
                    title=spec.title,
                    node=spec.node,
                    brief=spec.brief,
                    return_schema=spec.return_schema,
                    grant=Grant(budget=spec.budget, capabilities=spec.capabilities, deadline=deadline),
                    provenance=spec.provenance,
                )
                for offset, (child, spec) in enumerate(turn.children)
            ],
        )
        await budget.delegate(work, lease.agent, {child: spec.budget for child, spec in turn.children})
        if turn.source is not None:
            await following.follow_children(work, lease.agent, turn.source)
        await self._mark_running(work, lease, turn)

    async def _mark_running(self, work: UnitOfWork, lease: Lease, turn: LiveTurn) -> None:
        """Here and not earlier: a turn that is repeated must find its steps as it first found them."""
        steps = [(child, spec) for child, spec in turn.children if spec.node is not None]
        begun: list[Operation] = [
            SetStatus(node=spec.key, status="running", agent=child) for child, spec in steps
        ]
        begun += [Share(node=other, source=spec.key) for _, spec in steps for other in spec.shared_by]
        diff = await self._task_tree.apply(
            work,
            lease.task,
            begun,
            actor=f"agent:{lease.agent}",
            change_id=str(derived(lease.agent, "spawn", lease.fence)),
            provenance=turn.provenance,
        )
        if diff.revisions:
            work.emit(tree_revised(lease.task, lease.agent, diff))

    async def give_up(
        self, tenant: TenantId, task: TaskId, agent: AgentId, fence: int, outcome: Outcome
    ) -> None:
        """Fail a ready agent that no turn can finish, unless a worker took it meanwhile."""
        with contextlib.suppress(LeaseLost):
            async with self._database.unit_of_work(tenant) as work:
                await self._stop_children(work, task, agent)
                row = await work.fetch_one(SQL.fail_ready, {"agent": agent, "fence": fence})
                if row is None:
                    raise LeaseLost(agent)  # and so its children go on
                lease = Lease(tenant=tenant, task=task, agent=agent, fence=row["fence"])
                await self._end(work, lease, outcome, row["provenance"], row["next_position"])

    async def _stop_children(self, work: UnitOfWork, task: TaskId, agent: AgentId) -> None:
        """Before the agent's own row is locked: a child that closes locks its own first."""
        row = await work.fetch_one(SQL.stop_children, {"agent": agent})
        assert row is not None, "the function always answers"
        for child in row["stopped"]:
            work.emit(Event(task=task, agent=AgentId(child), kind="agent.cancelled"))

    async def _end_alone(self, lease: Lease, turn: LiveTurn, outcome: Outcome) -> None:
        """End an agent that leaves nothing but its return, in one exchange with the server."""
        waiting = turn.journal.waiting
        columns = {
            "tenant": lease.tenant,
            "task": lease.task,
            **_ending(lease, outcome, turn.provenance.model_dump(mode="json"), turn.position, turn.returned),
            **told_columns([*(waiting.events if waiting else ()), _ended(lease, outcome)]),
        }
        if waiting is None:
            ended = await self._database.call(SQL.end_turn, columns)
        else:
            ended = await self._database.call(SQL.end_turn_with_call, columns | waiting.done())
        if ended is None:
            raise LeaseLost(lease.agent)

    async def _finish(self, work: UnitOfWork, lease: Lease, turn: LiveTurn, outcome: Outcome) -> None:
        returned: JsonValue = None
        if outcome.state == "done":
            returned = turn.returned
            for query, row in turn.artifacts.rows:
                await work.execute(query, row)
            for event in turn.artifacts.events:
                work.emit(event)
        provenance = turn.provenance.model_dump(mode="json")
        await self._end(work, lease, outcome, provenance, turn.position, returned)

    async def _end(
        self,
        work: UnitOfWork,
        lease: Lease,
        outcome: Outcome,
        provenance: JsonValue,
        position: int,
        returned: JsonValue = None,
    ) -> None:
        ended = await work.fetch_one(SQL.end_agent, _ending(lease, outcome, provenance, position, returned))
        if ended is None:
            raise LeaseLost(lease.agent)
        if ended["unheard"]:
            raise Unheard(lease.agent)
        work.emit(_ended(lease, outcome, ended["seconds"]))
        if ended["parent"] is None:
            await finish_task(work, lease.task, outcome, returned)
        elif ended["awake"]:
            work.enqueue(ADVANCE, ended["parent"])


async def finish_task(work: UnitOfWork, task: TaskId, outcome: Outcome, answer: JsonValue) -> None:
    done = outcome.state == "done"
    if not done:
        await refuse_open(work, task)
    reason = _stop_reason(outcome, answer)
    row = await work.fetch_one(
        SQL.finish_task,
        {
            "task": task,
            "status": "done" if done else "failed",
            "stop_reason": reason,
            "answer": jsonb(answer) if done else None,
            "error": _problem(outcome.error),
        },
    )
    if row is None:
        return
    work.enqueue(LEARN, task)
    work.emit(
        Event(
            task=task,
            kind="task.finished",
            data={
                "status": "done" if done else "failed",
                "stop_reason": reason,
                "seconds": round(row["seconds"], 3),
            },
        )
    )


def _stop_reason(outcome: Outcome, answer: JsonValue) -> str:
    """A partial answer names the limit that cut the work short."""
    if outcome.state == "done":
        limit = answer.get("limit") if isinstance(answer, dict) else None
        return str(limit or "completed")
    return outcome.error.limit if isinstance(outcome.error, BudgetExhausted) else "error"


def _problem(error: TreeholdError | None) -> str | None:
    if error is None:
        return None
    limit = error.limit if isinstance(error, BudgetExhausted) else None
    return jsonb({"code": error.code, "message": error.message, "limit": limit})


def _ending(lease: Lease, outcome: Outcome, provenance: JsonValue, position: int, returned: JsonValue) -> Row:
    done = outcome.state == "done"
    return {
        "agent": lease.agent,
        "fence": lease.fence,
        "state": outcome.state,
        "position": position,
        "returned": jsonb(returned) if done and returned is not None else None,
        "error": _problem(outcome.error),
        "provenance": jsonb(provenance),
    }


def _ended(lease: Lease, outcome: Outcome, seconds: float = 0.0) -> Event:
    why = _why(outcome.error)
    if outcome.state == "done":
        data: dict[str, JsonValue] = {
            "seconds": round(seconds, 4),
            "partial": outcome.error is not None,
            **why,
        }
        return Event(task=lease.task, agent=lease.agent, kind="agent.finished", data=data)
    return Event(task=lease.task, agent=lease.agent, kind="agent.failed", data=why)


def _why(error: TreeholdError | None) -> dict[str, JsonValue]:
    if error is None:
        return {}
    limit: dict[str, JsonValue] = {"limit": error.limit} if isinstance(error, BudgetExhausted) else {}
    return {"code": error.code, "message": error.message, **limit}
