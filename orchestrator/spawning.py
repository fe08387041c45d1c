"""Agents come into being: the row, its event and its first message, in the transaction of whoever spawns."""

from __future__ import annotations

from collections.abc import Sequence
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


async def insert_agents(work: UnitOfWork, agents: Sequence[NewAgent]) -> None:
    """Write the rows, announce them, and queue them. Their budget accounts are the caller's to open."""
    rows = [
        {
            "id": agent.id,
            "task": agent.task,
            "parent": agent.parent,
            "position": agent.position,
            "key": agent.key,
            "depth": agent.depth,
            "role": agent.role,
            "node": agent.node,
            "title": agent.title,
            "brief": agent.brief.model_dump(mode="json"),
            "return_schema": agent.return_schema,
            "granted": agent.grant.model_dump(mode="json"),
            "provenance": agent.provenance.model_dump(mode="json"),
        }
        for agent in agents
    ]
    await work.execute(SQL.insert_agents, {"tenant": work.tenant, "rows": jsonb(rows)})
    for agent in agents:
        work.enqueue(ADVANCE, agent.id)
        work.emit(_spawned(agent))


def _spawned(agent: NewAgent) -> Event:
    return Event(
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
