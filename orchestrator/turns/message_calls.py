"""What a turn hears of messages, and what it does about them: each once, whoever dies in between."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from agents.ports import ChildReturn, Refusal, Told
from core.database import Database, Row, UnitOfWork, jsonb, queries
from core.events import Event, EventKind
from core.ids import AgentId, MessageId, NodeId
from core.provenance import Origin, Provenance, Trust
from core.signals import LeaseLost
from core.text import clipped
from memory.task_tree import Diff, Operation, OperationRefused, TaskTree
from orchestrator.turns.journal import Journal, refused
from orchestrator.turns.lease import hold
from orchestrator.turns.memory_calls import tree_revised

SQL = queries.load(__file__, "message_calls.sql")

_REQUEST = jsonb({})

SHOWN = 500
"""Characters of a text that an event shows; the message has all of it."""


@dataclass(frozen=True, kw_only=True)
class News:
    """How the world stood as a turn looked: the tree's revision, who had ended, and what was said."""

    head: int
    children: Sequence[ChildReturn]
    told: Sequence[Told]


class MessageCalls:
    def __init__(self, database: Database, task_tree: TaskTree, journal: Journal) -> None:
        self._database = database
        self._task_tree = task_tree
        self._journal = journal
        self._lease = journal.lease

    async def news(self, position: int, *, anyway: bool) -> News | None:
        """Look, and take what was said; a repeated turn is shown the same.

        Returns:
            None where `anyway` is false and nothing was said: that is not remembered.
        """
        await self._journal.flush()
        row = await self._database.call(
            SQL.news,
            {
                "tenant": self._lease.tenant,
                "task": self._lease.task,
                "agent": self._lease.agent,
                "fence": self._lease.fence,
                "id": self._journal.call_id(position),
                "position": position,
                "request": _REQUEST,
                "hash": hashlib.sha256(_REQUEST.encode()).digest(),
                "anyway": anyway,
            },
        )
        assert row is not None, "the function always answers"
        match row["verdict"]:
            case "taken":
                return News(
                    head=row["head"],
                    children=[child_return(child) for child in row["children"] or ()],
                    told=[self._told(message) for message in row["messages"] or ()],
                )
            case "none":
                return None
            case "lease_lost":
                raise LeaseLost(self._lease.agent)
            case verdict:
                raise refused(verdict, position)

    async def steer(
        self,
        told: Told,
        operations: Sequence[Operation],
        *,
        stops: Sequence[AgentId],
        provenance: Provenance,
        reply: Callable[[Diff], str] | None = None,
    ) -> Diff | Refusal:
        """All at once: children are stopped, the tree changes, the message has taken effect and is answered.

        Rows of agents are locked from children to parents, as closing transactions do: so the fence is only
        looked at once the children are stopped, and all is undone where it has moved on.
        """
        await self._journal.flush()
        try:
            async with self._database.unit_of_work(self._lease.tenant) as work:
                stopped = await self._stop(work, stops)
                await hold(work, self._lease)
                diff = await self._task_tree.apply(
                    work,
                    self._lease.task,
                    operations,
                    actor=f"agent:{self._lease.agent}",
                    change_id=str(told.id),
                    provenance=provenance,
                )
                if not diff.replayed:
                    for agent in stopped:
                        work.emit(Event(task=self._lease.task, agent=agent, kind="agent.cancelled"))
                    work.emit(tree_revised(self._lease.task, self._lease.agent, diff))
                    said = None if reply is None else reply(diff)
                    data: dict[str, JsonValue] = {} if said is None else {"reply": clipped(said, SHOWN)}
                    data |= {"revision": diff.head, "stopped": len(stopped)}
                    work.emit(self._event("message.applied", told, **data))
                    await self._applied(work, told, reply=said)
                return diff
        except OperationRefused as error:
            refusal = Refusal(code=error.reason, message=error.message)
            await self.refuse(told, refusal)
            return refusal

    async def refuse(self, told: Told, refusal: Refusal) -> None:
        async with self._journal.fenced() as work:
            columns = {"message": told.id, "refusal": jsonb(refusal.model_dump())}
            if await work.execute(SQL.refuse, columns):
                work.emit(self._event("message.refused", told, code=refusal.code, message=refusal.message))

    async def answer(self, told: Told, reply: str) -> None:
        if told.state == "applied":
            return
        async with self._journal.fenced() as work:
            work.emit(self._event("message.answered", told, reply=clipped(reply, SHOWN)))
            await self._applied(work, told, reply=reply)

    def _event(self, kind: EventKind, told: Told, **data: JsonValue) -> Event:
        named: dict[str, JsonValue] = {"id": str(told.id), "number": told.number, "kind": told.kind}
        return Event(task=self._lease.task, agent=self._lease.agent, kind=kind, data=named | data)

    async def _stop(self, work: UnitOfWork, children: Sequence[AgentId]) -> list[AgentId]:
        if not children:
            return []
        row = await work.fetch_one(SQL.stop, {"agent": self._lease.agent, "children": list(children)})
        assert row is not None, "the function always answers"
        return [AgentId(agent) for agent in row["stopped"]]

    async def _applied(self, work: UnitOfWork, told: Told, *, reply: str | None = None) -> None:
        await work.flush()
        await work.execute(SQL.apply, {"message": told.id, "task": self._lease.task, "reply": reply})

    def _told(self, row: Row) -> Told:
        user = Provenance(
            tenant=self._lease.tenant,
            trust=Trust.USER,
            origins=(Origin(kind="user", id=row["key"]),),
            task=self._lease.task,
        )
        return Told(
            id=MessageId(row["id"]),
            number=row["number"],
            kind=row["kind"],
            node=None if row["node"] is None else NodeId(row["node"]),
            text=row["text"],
            state=row["state"],
            provenance=user,
        )


def child_return(row: Row) -> ChildReturn:
    return ChildReturn(
        agent=AgentId(row["id"]),
        key=row["key"],
        node=NodeId(row["node_id"]) if row["node_id"] else None,
        status=row["state"],
        returned=row["returned"],
        error_code=row["error"]["code"] if row["error"] else None,
        limit=row["error"].get("limit") if row["error"] else None,
        provenance=Provenance.model_validate(row["provenance"]),
    )
