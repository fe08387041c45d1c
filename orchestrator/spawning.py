"""Agents come into being: the row, its event and its first message, in the transaction of whoever spawns."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from pydantic import JsonValue

from agents.brief import Brief
from core.database import UnitOfWork, jsonb, queries
from core.events import Event
from core.grant import Grant
from core.ids import AgentId, TaskId
from core.provenance import Provenance
from orchestrator.topics import ADVANCE

SQL = queries.load(__file__, "spawning.sql")


@dataclass(frozen=True, kw_only=True)
class NewAgent:
    """An agent row about to be written."""

    id: AgentId
    task: TaskId
    parent: AgentId | None
    position: int
    depth: int
    key: str
    role: str
    title: str
    node: UUID | None
    brief: Brief
    return_schema: dict[str, JsonValue] | None
    grant: Grant
    provenance: Provenance


async def insert_agent(work: UnitOfWork, agent: NewAgent) -> None:
    """Write the row, announce it, and put it in the queue. Its budget account is the caller's to open."""
    await work.execute(
        SQL.insert_agent,
        {
            "id": agent.id,
            "tenant": work.tenant,
            "task": agent.task,
            "parent": agent.parent,
            "position": agent.position,
            "key": agent.key,
            "depth": agent.depth,
            "role": agent.role,
            "node": agent.node,
            "title": agent.title,
            "brief": jsonb(agent.brief.model_dump(mode="json")),
            "return_schema": None if agent.return_schema is None else jsonb(agent.return_schema),
            "granted": jsonb(agent.grant.model_dump(mode="json")),
            "provenance": jsonb(agent.provenance.model_dump(mode="json")),
        },
    )
    work.enqueue(ADVANCE, agent.id)
    work.emit(
        Event(
            task=agent.task,
            agent=agent.id,
            kind="agent.spawned",
            data={
                "parent": str(agent.parent) if agent.parent else None,
                "role": agent.role,
                "title": agent.title,
                "depth": agent.depth,
                "position": agent.position,
                "granted_tokens": agent.grant.budget.tokens,
            },
        )
    )
