"""How agents of a fork find the agents whose recorded calls they take."""

from __future__ import annotations

from core.database import UnitOfWork, queries
from core.ids import AgentId

SQL = queries.load(__file__, "following.sql")


async def follow(work: UnitOfWork, agent: AgentId, source: AgentId) -> None:
    """Let a fork's agent take the calls of its source.

    A lead whose plan is recorded keeps the limits that shaped it, whatever the fork grants: the same plan is
    asked for, and its account holds what there is now.
    """
    await work.execute(SQL.follow, {"agents": [agent], "sources": [source]})


async def follow_children(work: UnitOfWork, parent: AgentId, source: AgentId) -> None:
    """Let new children follow those that their parent's source had for the same steps.

    A parent that asked something else than its source has children of its own.
    """
    found = await work.fetch_all(SQL.counterparts, {"parent": parent, "source": source})
    if found:
        await work.execute(
            SQL.follow,
            {"agents": [row["agent"] for row in found], "sources": [row["source"] for row in found]},
        )
