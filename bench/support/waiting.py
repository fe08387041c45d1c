"""A tree of waiting agents, as a long task with many approvals would leave it, written with SQL alone."""

from __future__ import annotations

import asyncio
import gc
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from core.database import queries
from core.grant import Budget, Capabilities, Grant
from core.ids import TenantId
from core.provenance import Origin, Provenance, Trust

SQL = queries.load(__file__, "waiting.sql")

CHECKPOINT_BYTES = 4096
"""About what LangGraph keeps for a lead that waits."""

LOOKS, LOOK_SECONDS = 20, 0.02


async def plant(admin: AsyncConnection, tenant: TenantId, *, agents: int, width: int = 10) -> UUID:
    """One running task whose agents all wait: leads for their children, the lowest for an approval.

    Each has its grant, its budget rows, a checkpoint and its events, as it would have come to them.
    """
    provenance = Provenance(tenant=tenant, trust=Trust.USER, origins=(Origin(kind="user", id="bench"),))
    grant = Grant(budget=Budget(depth=6, fanout=width), capabilities=Capabilities())
    task = await _one(
        admin, SQL.plant_task, {"tenant": tenant, "agents": agents, "budget": _json(grant.budget)}
    )
    given = {
        "tenant": tenant,
        "task": task,
        "agents": agents,
        "width": width,
        "grant": _json(grant),
        "provenance": _json(provenance),
        "brief": json.dumps({"task_goal": "wait", "question": "wait", "inputs": [], "path": []}),
        "bytes": CHECKPOINT_BYTES,
    }
    for statement in (SQL.plant_agents, SQL.plant_budgets, SQL.plant_checkpoints, SQL.plant_events):
        await admin.execute(statement, given)
    return task


async def waiting(admin: AsyncConnection, task: UUID) -> int:
    return await _one(admin, SQL.count_waiting, {"task": task})


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """What a worker process holds; `connections` are the application's on this database."""

    leases: int
    threads: int
    tasks: int
    connections: int
    megabytes: float

    def grown(self, earlier: Footprint) -> dict[str, float]:
        """By how much each figure is larger than it was."""
        then = asdict(earlier)
        return {
            field.name: round(getattr(self, field.name) - then[field.name], 1) for field in fields(Footprint)
        }


async def footprint(admin: AsyncConnection, leases: Callable[[], int]) -> Footprint:
    """What this process holds: the least of several looks, since work of a moment is not held."""
    gc.collect()
    seen = [await _look(admin, leases) for _ in range(LOOKS)]
    return Footprint(
        **{field.name: min(getattr(look, field.name) for look in seen) for field in fields(Footprint)}
    )


async def _look(admin: AsyncConnection, leases: Callable[[], int]) -> Footprint:
    await asyncio.sleep(LOOK_SECONDS)
    return Footprint(
        leases=leases(),
        threads=_threads(),
        tasks=len(asyncio.all_tasks()),
        connections=await _one(admin, SQL.count_connections, {}),
        megabytes=round(_resident_pages() * os.sysconf("SC_PAGESIZE") / 1e6, 1),
    )


def _threads() -> int:
    """Celery's, asyncio's and libraries' own."""
    return sum(1 for _ in Path("/proc/self/task").iterdir())


def _resident_pages() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1])


async def _one(admin: AsyncConnection, statement: bytes, given: dict[str, object]) -> Any:
    cursor = await admin.execute(statement, given)
    row = await cursor.fetchone()
    assert row is not None, "each of these statements gives one row"
    return row[0]


def _json(model: Grant | Budget | Provenance) -> str:
    return model.model_dump_json()
