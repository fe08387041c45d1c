"""A short run of `python -m bench.chaos`: processes die, and nothing is lost, wrong, repeated or open."""

from __future__ import annotations

import pytest

from bench.chaos.run import run
from bench.chaos.stage import Plan

SHORT = Plan(tasks=12, kills=10, workers=2, seed=5, pause=0.7, lease_seconds=1.0, pool_size=6)


@pytest.mark.timeout(300)
async def test_tasks_survive_what_kills_their_processes() -> None:
    report = await run(SHORT)
    assert report.verdict.faults == ()
    assert report.verdict.clean, report.figures
    assert report.figures["kills"] >= SHORT.kills
    assert report.figures["ended_by_themselves"] == 0
