"""Agents come into being: the row, its event and its first message, in the transaction of whoever spawns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from pydantic import JsonValue

from agents.brief import Brief, ChildSpec
from core.database import UnitOfWork, jsonb, queries
from core.errors import BudgetExhausted
from core.events import Event
from core.grant import Grant
from core.ids import AgentId, TaskId
from core.provenance import Origin, Provenance, Trust
from orchestrator.topics import ADVANCE
from orchestrator.turns import budget

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


async def insert_root(
    work: UnitOfWork, root: AgentId, task: TaskId, *, brief: Brief, grant: Grant, key: UUID
) -> None:
    """The agent a task begins with, on the word of whoever holds the API key, and its account."""
    user = Origin(kind="user", id=str(key))
    agent = NewAgent(
        id=root,
        task=task,
        parent=None,
        position=0,
        depth=0,
        key="root",
        role="lead",
        title="lead",
        node=None,
        brief=brief,
        return_schema=None,
        grant=grant,
        provenance=Provenance(tenant=work.tenant, trust=Trust.USER, origins=(user,), task=task),
    )
    await insert_agents(work, [agent])
    await budget.open_accounts(work, {root: grant.budget})


async def refuse_circles(work: UnitOfWork, agent: AgentId, children: Sequence[ChildSpec]) -> None:
    """A lead that is to do what an agent above it was told to do would hand it on for ever.

    Raises:
        BudgetExhausted: `loop`, which names the child.
    """
    leads = [child for child in children if child.role == "lead"]
    if not leads:
        return
    above = {
        _orders(Brief.model_validate(row["brief"]))
        for row in await work.fetch_all(SQL.above, {"agent": agent})
    }
    for child in leads:
        if _orders(child.brief) in above:
            raise BudgetExhausted(
                "loop",
                f"its subtask {child.title!r} is what an agent above was told to do: it would go round",
            )


def _orders(brief: Brief) -> tuple[str, frozenset[str]]:
    """What makes two briefs the same: the question, however it is spaced, and the files."""
    return " ".join(brief.question.casefold().split()), frozenset(file.path for file in brief.inputs)


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
