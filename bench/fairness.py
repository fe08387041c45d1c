"""One tenant's thousand tasks and another's few: how long the other waits, alone, in fair order, and in FIFO.

`python -m bench.fairness [--quick]`. Both tenants' tasks are alike: a lead and one worker, three model calls.
The last run is the control: the same, with the outbox taken first come, first served.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from rich.console import Console
from rich.table import Table

from bench.support.engine import SCOPES, Harness, ScriptedProvider, harness
from bench.support.scripts import team
from bench.support.site import TemporarySite, temporary_site
from core.ids import DEFAULT_TENANT, TenantId
from inference.model import ModelReply, ModelRequest
from inference.ports import Progress
from orchestrator.services.principal import Principal
from orchestrator.services.views import Submission
from workers.worker import Worker

MOST_RATIO = 2.0
MOST_SECONDS = 1800.0

FIFO = """
CREATE INDEX outbox_age ON outbox (id);
CREATE OR REPLACE FUNCTION take_outbox(
    p_most integer, p_depth integer, p_running integer, p_patience double precision
)
RETURNS TABLE (tenant_id uuid, topic text, subject_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = treehold, pg_temp
AS $$
    WITH spent AS (DELETE FROM spending)
    DELETE FROM outbox AS o
    WHERE o.id IN (SELECT id FROM outbox ORDER BY id LIMIT p_most FOR UPDATE SKIP LOCKED)
    RETURNING o.tenant_id, o.topic, o.subject_id
$$;
"""
"""What was before tenants shared; it knows no broker but the one in the process."""

WAITS = """
SELECT extract(epoch FROM t.finished_at - t.created_at)::double precision,
    extract(epoch FROM a.started_at - t.created_at)::double precision
FROM task AS t JOIN agent AS a ON a.task_id = t.id AND a.parent_id IS NULL
WHERE t.tenant_id = %s AND t.status = 'done' ORDER BY t.created_at
"""


@dataclass(frozen=True, kw_only=True)
class Load:
    """`tasks` of the busy tenant; the other submits `samples`, each `pause` seconds after its last one."""

    tasks: int
    samples: int
    pause: float
    latency: float = 0.25
    concurrency: int = 8


FULL = Load(tasks=1000, samples=25, pause=1.0)
QUICK = Load(tasks=100, samples=8, pause=0.3)


class Slow(ScriptedProvider):
    """A node that takes its time, and no processor's."""

    latency = 0.0

    async def complete(self, request: ModelRequest, *, on_progress: Progress) -> ModelReply:
        await asyncio.sleep(self.latency)
        return await super().complete(request, on_progress=on_progress)


async def other_tenant(site: TemporarySite) -> TenantId:
    tenant = TenantId(uuid4())
    await site.admin.execute("INSERT INTO tenant (id, name) VALUES (%s, 'other')", (tenant,))
    return tenant


async def submit(opened: Harness, tenant: TenantId, goal: str) -> None:
    principal = Principal(tenant=tenant, key=uuid4(), name="bench", scopes=SCOPES)
    submission = Submission(goal=goal, memory=False)
    await opened.platform.tasks.submit(principal, submission, idempotency_key=None)


async def one_after_another(
    site: TemporarySite, opened: Harness, tenant: TenantId, load: Load, *, beside: bool
) -> list[tuple[float, float]]:
    """Seconds to the answer, and to the first turn, of each; `beside` others, while there are any."""
    for number in range(load.samples):
        if beside and not await _open(site, DEFAULT_TENANT):
            break
        await submit(opened, tenant, f"one of few {number}")
        await _over(site, tenant)
        await asyncio.sleep(load.pause)
    return await (await site.admin.execute(WAITS, (tenant,))).fetchall()


async def _over(site: TemporarySite, tenant: TenantId) -> None:
    end = time.monotonic() + MOST_SECONDS
    while await _open(site, tenant):
        assert time.monotonic() < end, f"not done within {MOST_SECONDS} s"
        await asyncio.sleep(0.02)


async def _open(site: TemporarySite, tenant: TenantId) -> int:
    query = "SELECT count(*) FROM task WHERE tenant_id = %s AND status = 'running'"
    row = await (await site.admin.execute(query, (tenant,))).fetchone()
    assert row is not None
    return row[0]


async def run(load: Load, *, busy: bool, fifo: bool) -> dict[str, Any]:
    """The other tenant's waits; the busy tenant's tasks are all there before its first one."""
    provider = Slow(team(1))
    provider.latency = load.latency
    async with temporary_site(pool_size=12, concurrency=load.concurrency) as site:
        if fifo:
            await site.admin.execute(FIFO)
        other = await other_tenant(site)
        async with harness(site.conninfo, DEFAULT_TENANT, provider, settings=site.settings) as opened:
            for number in range(load.tasks if busy else 0):
                await submit(opened, DEFAULT_TENANT, f"one of many {number}")
            worker = Worker(site.settings, opened.room)
            await worker.start()
            try:
                found = await one_after_another(site, opened, other, load, beside=busy)
                left = await _open(site, DEFAULT_TENANT)
            finally:
                await worker.stop()
    return {
        "median_wait_s": _median([done for done, _ in found]),
        "median_start_s": _median([start for _, start in found]),
        "samples": len(found),
        "busy_tasks_left": left,
    }


def _median(values: list[float]) -> float:
    return round(sorted(values)[len(values) // 2], 3)


async def measure(load: Load) -> dict[str, Any]:
    alone = await run(load, busy=False, fifo=False)
    fair = await run(load, busy=True, fifo=False)
    fifo = await run(load, busy=True, fifo=True)
    return {
        "bench": "fairness",
        "busy_tasks": load.tasks,
        "alone": alone,
        "fair": fair,
        "fifo": fifo,
        "ratio_fair": round(fair["median_wait_s"] / alone["median_wait_s"], 2),
        "ratio_fifo": round(fifo["median_wait_s"] / alone["median_wait_s"], 2),
        "most_ratio": MOST_RATIO,
    }


def show(figures: dict[str, Any]) -> None:
    table = Table(title=f"A tenant's few tasks beside {figures['busy_tasks']:,} of another")
    for heading in ("", "to the answer, median s", "to the first turn", "samples", "the other's tasks left"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name in ("alone", "fair", "fifo"):
        row = figures[name]
        table.add_row(
            name,
            *(str(row[key]) for key in ("median_wait_s", "median_start_s", "samples", "busy_tasks_left")),
        )
    console = Console()
    console.print(table)
    console.print(
        f"{figures['ratio_fair']} times the wait alone (at most {MOST_RATIO}); "
        f"{figures['ratio_fifo']} times first come, first served."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="One tenant's load and another's wait.")
    parser.add_argument("--quick", action="store_true", help="a smaller load, and fewer samples")
    figures = asyncio.run(measure(QUICK if parser.parse_args().quick else FULL))
    show(figures)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
