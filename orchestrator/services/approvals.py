"""Approvals as the faces use them: look, and decide. Implements `orchestrator.services.ports.Approvals`.

Deciding makes the one agent ready that asked, in the same transaction. The agent's row is locked first, as in
every transaction that ends a turn or cancels a task.
"""

from __future__ import annotations

from uuid import UUID

from pydantic import JsonValue

from core.database import Database, Row, UnitOfWork, jsonb, queries
from core.errors import Conflict, InvalidInput, NotFound, ToolError
from core.events import Event
from core.grant import Capabilities
from core.ids import AgentId, ApprovalId, TaskId
from orchestrator.services import rows
from orchestrator.services.cursors import decode, encode
from orchestrator.services.principal import Principal
from orchestrator.services.views import ApprovalStatus, ApprovalView, Decision, Page
from orchestrator.topics import ADVANCE
from orchestrator.turns.tool_runner import ToolRunner

SQL = queries.load(__file__, "approvals.sql")

_STATES = {"approve": "approved", "deny": "denied"}


class ApprovalService:
    def __init__(self, database: Database, tools: ToolRunner) -> None:
        self._database = database
        self._tools = tools

    async def list(
        self,
        principal: Principal,
        *,
        status: ApprovalStatus | None,
        task: UUID | None,
        limit: int,
        cursor: str | None,
    ) -> Page[ApprovalView]:
        principal.require("tasks:read")
        before, before_id = decode(cursor)
        wanted = {
            "approval": None,
            "status": status,
            "task": task,
            "before": before,
            "before_id": before_id,
            "limit": limit + 1,
        }
        async with self._database.unit_of_work(principal.tenant) as work:
            found = await work.fetch_all(SQL.approvals, wanted)
        more = len(found) > limit
        data = tuple(rows.approval(row) for row in found[:limit])
        after = encode(data[-1].requested_at, data[-1].id) if more else None
        return Page[ApprovalView](data=data, next_cursor=after, has_more=more)

    async def get(self, principal: Principal, approval: UUID) -> ApprovalView:
        principal.require("tasks:read")
        async with self._database.unit_of_work(principal.tenant) as work:
            return rows.approval(await _read(work, approval))

    async def decide(self, principal: Principal, approval: UUID, given: Decision) -> ApprovalView:
        principal.require("tasks:write")
        async with self._database.unit_of_work(principal.tenant) as work:
            await work.fetch_one(SQL.lock_agent, {"approval": approval})
            await _expire(work, ApprovalId(approval))
            row = await _read(work, approval)
            if row["state"] != "pending":
                _refuse_another(row, given)
                return rows.approval(row)
            self._check(row, given)
            await work.execute(
                SQL.decide,
                {
                    "approval": approval,
                    "state": _STATES[given.decision],
                    "edited": None if given.arguments is None else jsonb(given.arguments),
                    "note": given.note,
                    "by": principal.key,
                },
            )
            await _wake(work, row, decision=given.decision, by=str(principal.key), given=given)
            await work.flush()
            return rows.approval(await _read(work, approval))

    def _check(self, row: Row, given: Decision) -> None:
        """Raises `InvalidInput` for arguments that cannot run."""
        if given.arguments is None:
            return
        if given.decision == "deny":
            raise InvalidInput("only an approval can change the arguments: leave them out to deny")
        if row["kind"] == "unknown_outcome":
            raise InvalidInput(
                "this call was begun with its arguments and can only be repeated as it was: leave them out"
            )
        granted = Capabilities.model_validate(row["granted"]["capabilities"])
        try:
            self._tools.check(row["tool"], given.arguments, granted)
        except ToolError as error:
            raise InvalidInput(f"the call could not run with these arguments: {error.message}") from error


async def expire(work: UnitOfWork, approval: ApprovalId) -> None:
    """Decide what nobody did in time, unless somebody just has."""
    await work.fetch_one(SQL.lock_agent, {"approval": approval})
    await _expire(work, approval)


async def _expire(work: UnitOfWork, approval: ApprovalId) -> None:
    if await work.execute(SQL.expire, {"approval": approval}):
        row = await _read(work, approval)
        await _wake(work, row, decision=row["fallback"], by=None, given=None)


async def _read(work: UnitOfWork, approval: UUID) -> Row:
    wanted = {"status": None, "task": None, "before": None, "before_id": None, "limit": 1}
    row = await work.fetch_one(SQL.approvals, wanted | {"approval": approval})
    if row is None:
        raise NotFound(f"no approval {approval}")
    return row


async def _wake(work: UnitOfWork, row: Row, *, decision: str, by: str | None, given: Decision | None) -> None:
    agent = AgentId(row["agent_id"])
    if await work.execute(SQL.wake, {"agent": agent}):
        work.enqueue(ADVANCE, agent)
    data: dict[str, JsonValue] = {
        "approval": str(row["id"]),
        "name": row["tool"],
        "kind": row["kind"],
        "decision": decision,
        "by": by,
        "expired": given is None,
        "edited": given is not None and given.arguments is not None,
    }
    work.emit(Event(task=TaskId(row["task_id"]), agent=agent, kind="approval.decided", data=data))


def _refuse_another(row: Row, given: Decision) -> None:
    """The same decision again is no other one. Raises `Conflict` with the decision that stands."""
    if (row["state"], row["edited"], row["note"]) == (
        _STATES[given.decision],
        given.arguments,
        given.note,
    ):
        return
    how = {
        "approved": "was approved" + (" with other arguments" if row["edited"] is not None else ""),
        "denied": "was denied",
        "expired": f"expired, which was decided as: {row['fallback']}",
        "withdrawn": "is not needed any more: its agent has ended",
    }[row["state"]]
    raise Conflict(f"approval {row['id']} {how}; that stands", code="already_decided")
