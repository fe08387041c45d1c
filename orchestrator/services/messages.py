"""Messages to running tasks as the faces use them. Implements `orchestrator.services.ports.Messages`."""

from __future__ import annotations

from uuid import UUID

from core.database import Database, Row, UnitOfWork, jsonb, queries
from core.errors import Conflict, InvalidInput, NotFound
from core.events import Event
from core.ids import IdSource, MessageId, TaskId
from core.text import clipped
from orchestrator.services import rows
from orchestrator.services.idempotency import KeyedRequest
from orchestrator.services.ports import Sent
from orchestrator.services.principal import Principal
from orchestrator.services.views import MessageView, NewMessage
from orchestrator.topics import ADVANCE
from orchestrator.turns.message_calls import SHOWN

SQL = queries.load(__file__, "messages.sql")

MOST = 1000
"""Messages of one task."""


class MessageService:
    def __init__(self, database: Database, ids: IdSource) -> None:
        self._database = database
        self._ids = ids

    async def send(
        self, principal: Principal, task: UUID, new: NewMessage, *, idempotency_key: str | None
    ) -> Sent:
        principal.require("tasks:write")
        message = MessageId(self._ids.new())
        keyed = None if idempotency_key is None else _keyed(task, new, idempotency_key)
        async with self._database.unit_of_work(principal.tenant) as work:
            earlier = None if keyed is None else await keyed.claim(work, message)
            if earlier is not None:
                return Sent(message=await _one(work, task, earlier), replayed=True)
            await self._insert(work, principal, TaskId(task), message, new)
            await work.flush()
            return Sent(message=await _one(work, task, message), replayed=False)

    async def list(self, principal: Principal, task: UUID) -> list[MessageView]:
        principal.require("tasks:read")
        async with self._database.unit_of_work(principal.tenant) as work:
            await _require_task(work, task)
            found = await work.fetch_all(SQL.of_task, {"task": task, "message": None})
        return [rows.message(row) for row in found]

    async def _insert(
        self, work: UnitOfWork, principal: Principal, task: TaskId, message: MessageId, new: NewMessage
    ) -> None:
        """The lead's row is locked before anything is written, so that it cannot end unheard."""
        await _require_task(work, task)
        node = None if new.node is None else await _node(work, task, new.node)
        addressed = await work.fetch_one(
            SQL.address, {"task": task, "node": None if node is None else node["id"]}
        )
        numbered = None if addressed is None else await work.fetch_one(SQL.next_number, {"task": task})
        if addressed is None or numbered is None:
            raise Conflict("the task has ended: it takes no more messages", code="task_ended")
        if numbered["messages"] > MOST:
            raise Conflict(f"the task has got {MOST:,} messages, and takes no more", code="too_many_messages")
        await work.execute(
            SQL.insert,
            {
                "id": message,
                "tenant": principal.tenant,
                "task": task,
                "number": numbered["messages"],
                "kind": new.kind,
                "node": None if node is None else node["id"],
                "key": None if node is None else node["key"],
                "text": new.text,
                "principal": principal.key,
                "lead": addressed["lead"],
            },
        )
        if addressed["woken"]:
            work.enqueue(ADVANCE, addressed["lead"])
        work.emit(
            Event(
                task=task,
                kind="message.received",
                data={
                    "id": str(message),
                    "number": numbered["messages"],
                    "kind": new.kind,
                    "node": None if node is None else node["key"],
                    "text": clipped(new.text, SHOWN),
                },
            )
        )


async def refuse_open(work: UnitOfWork, task: UUID) -> None:
    """For the transaction that ends a task: what it was told and has not done, it will not do."""
    code, why = "task_ended", "the task ended before this took effect"
    refusal = jsonb({"code": code, "message": why})
    for row in await work.fetch_all(SQL.refuse_open, {"task": task, "refusal": refusal}):
        work.emit(
            Event(
                task=TaskId(task),
                kind="message.refused",
                data={
                    "id": str(row["id"]),
                    "number": row["number"],
                    "kind": row["kind"],
                    "code": code,
                    "message": why,
                },
            )
        )


def _keyed(task: UUID, new: NewMessage, key: str) -> KeyedRequest:
    return KeyedRequest(route=f"POST /v1/tasks/{task}/messages", key=key, asked=new.model_dump(mode="json"))


async def _one(work: UnitOfWork, task: UUID, message: UUID) -> MessageView:
    row = await work.fetch_one(SQL.of_task, {"task": task, "message": message})
    if row is None:
        raise NotFound(f"task {task} has no message {message}")
    return rows.message(row)


async def _require_task(work: UnitOfWork, task: UUID) -> None:
    if await work.fetch_one(SQL.task_status, {"task": task}) is None:
        raise NotFound(f"no task {task}")


async def _node(work: UnitOfWork, task: UUID, name: str) -> Row:
    """Raises `NotFound`, or `InvalidInput` for a step that was taken out of the plan."""
    row = await work.fetch_one(SQL.node, {"task": task, "node": name.lower()})
    if row is None:
        raise NotFound(f"task {task} has no step {name!r}: its tree lists them")
    if row["retired"]:
        raise InvalidInput(f"the step {name!r} was taken out of the plan", code="no_such_step")
    return row
