"""From a cancel to quiet: a hundred agents at work, all with a call of a slow model in flight.

`python -m bench.cancel [--quick]` cancels through the API and takes the time until no call is in flight
at the node and no agent is open, with what hears of cancelled tasks and, for comparison, without it: then the
turns end with the next round of leases.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from bench.support.replies import Answer, Hang, Reply
from bench.support.scripted_node import Request, ScriptedNode
from bench.support.site import TemporarySite, temporary_site
from bench.support.small_model import understood
from cli.host import hosted
from orchestrator.engine.cancellations import Cancellations
from treehold import AsyncTreehold, Budget

AGENTS = 100
RUNS, QUICK_RUNS = 10, 3
START_SECONDS = 120.0


def script(request: Request) -> Reply:
    """A plan of as many steps as there shall be workers; a worker's call is never answered."""
    if understood(request).moment != "plan":
        return Hang()
    steps: list[dict[str, object]] = [
        {"title": f"part {n}", "question": f"look into part {n}", "inputs": [], "split": False, "after": []}
        for n in range(AGENTS)
    ]
    return Answer(content=json.dumps({"subtasks": steps}))


class Node(ScriptedNode):
    """Knows when all workers wait for it."""

    @property
    def in_flight(self) -> int:
        return self._active


@asynccontextmanager
async def at_work(site: TemporarySite, node: Node) -> AsyncGenerator[AsyncTreehold]:
    settings = site.settings.model_copy(
        update={
            "model": "openai/scripted",
            "base_url": node.base_url,
            "api_key": SecretStr("sk-none"),
            "concurrency": AGENTS + 8,
        }
    )
    async with (
        hosted(settings, api=True, workers=True, port=0) as host,
        AsyncTreehold(host.url, host.key) as client,
    ):
        await host.working.wait()
        yield client


async def seconds_to_quiet(site: TemporarySite, node: Node, client: AsyncTreehold) -> float:
    task = await client.submit("work", budget=Budget(fanout=AGENTS), memory=False)
    end = time.monotonic() + START_SECONDS
    while node.in_flight < AGENTS:
        assert time.monotonic() < end, f"only {node.in_flight} agents are at work"
        await asyncio.sleep(0.05)
    began = time.perf_counter()
    await client.cancel(task)
    await node.idle.wait()
    seconds = time.perf_counter() - began
    cursor = await site.admin.execute(
        "SELECT count(*), count(*) FILTER (WHERE state <> 'cancelled') FROM agent WHERE task_id = %s",
        (task.id,),
    )
    assert await cursor.fetchone() == (AGENTS + 1, 0), "all agents are cancelled"
    return seconds


async def timed(runs: int) -> dict[str, Any]:
    async with temporary_site() as site, Node(script) as node, at_work(site, node) as client:
        seconds = [await seconds_to_quiet(site, node, client) for _ in range(runs)]
    return {"p50_s": round(statistics.median(seconds), 3), "max_s": round(max(seconds), 3)}


async def deaf(_: Cancellations) -> None:
    await asyncio.Event().wait()


async def measure(*, runs: int) -> dict[str, Any]:
    heard = await timed(runs)
    with patch.object(Cancellations, "run", deaf):
        unheard = await timed(runs)
    return {
        "bench": "cancel",
        "agents": AGENTS,
        "runs": runs,
        "seconds_to_quiet": {"heard": heard, "next_round_of_leases": unheard},
    }


def show(figures: dict[str, Any]) -> None:
    table = Table(title=f"Seconds from cancel to quiet, {figures['agents']} agents with a call in flight")
    for heading in ("", "p50", "max"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, found in figures["seconds_to_quiet"].items():
        table.add_row(name.replace("_", " "), str(found["p50_s"]), str(found["max_s"]))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description="From a cancel to quiet, with a hundred agents at work.")
    parser.add_argument("--quick", action="store_true", help="fewer runs")
    figures = asyncio.run(measure(runs=QUICK_RUNS if parser.parse_args().quick else RUNS))
    show(figures)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
