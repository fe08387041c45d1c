"""A worker that stops gives back at once what it holds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from celery.worker import WorkController
from psycopg import AsyncConnection

from bench.support.engine import ScriptedProvider
from bench.support.scripts import team
from core.errors import WorkerFailed
from orchestrator.lease import LeaseKeeper
from orchestrator.reaper import Reaper
from orchestrator.relay import Relay
from tests.chaos.conftest import SECONDS, Held, Starter

PATIENT: dict[str, Any] = {"lease_seconds": 300.0, "republish_seconds": 300.0}
"""Under these, nothing that was lost would be found again in this test."""


async def test_a_stopping_worker_hands_back_its_turns_and_its_messages(
    start_worker: Starter, admin: AsyncConnection
) -> None:
    held = Held(team(2), kind="act")
    stopped = await start_worker(held, concurrency=1, **PATIENT)
    tasks = [await stopped.harness.submit(f"task {number}") for number in range(6)]
    await held.reached.wait()
    await stopped.worker.stop()
    cursor = await admin.execute(
        "SELECT count(*) FILTER (WHERE a.state = 'running'), "
        "count(*) FILTER (WHERE a.state = 'ready' AND o.subject_id IS NULL) "
        "FROM agent AS a LEFT JOIN outbox AS o ON o.subject_id = a.id"
    )
    assert await cursor.fetchone() == (0, 0), "none runs, and each that could has its message"
    other = await start_worker(ScriptedProvider(team(2)), owner="worker-2", **PATIENT)
    assert [(await other.finished(task)).status for task in tasks] == ["done"] * 6


async def test_a_turn_handed_back_repeats_no_recorded_call(start_worker: Starter) -> None:
    held = Held(team(2), kind="answer")
    stopped = await start_worker(held, **PATIENT)
    task = await stopped.harness.submit("nearly done")
    await held.reached.wait()
    await stopped.worker.stop()
    other = await start_worker(ScriptedProvider(team(2)), owner="worker-2", **PATIENT)
    assert (await other.finished(task)).status == "done"
    assert [request.kind for request in held.requests] == ["plan", "act", "act"]
    assert [request.kind for request in other.provider.requests] == ["answer"]


async def test_stopping_twice_does_no_harm(start_worker: Starter) -> None:
    one = await start_worker(ScriptedProvider(team(1)))
    task = await one.harness.submit("quick")
    assert (await one.finished(task)).status == "done"
    await one.worker.stop()
    await one.worker.stop()


async def test_a_worker_that_was_stopped_is_no_longer_waited_for(start_worker: Starter) -> None:
    one = await start_worker(ScriptedProvider(team(1)))
    waiting = asyncio.create_task(one.worker.wait())
    await one.worker.stop()
    await asyncio.wait_for(waiting, SECONDS)


@pytest.mark.parametrize("part", [Relay, Reaper, LeaseKeeper])
async def test_a_part_that_ends_by_itself_is_told(
    start_worker: Starter, monkeypatch: pytest.MonkeyPatch, part: type[Relay | Reaper | LeaseKeeper]
) -> None:
    async def broken(self: object) -> None:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(part, "run", broken)
    one = await start_worker(ScriptedProvider(team(1)))
    with pytest.raises(WorkerFailed, match="out of luck"):
        await asyncio.wait_for(one.worker.wait(), SECONDS)


async def test_a_celery_that_ends_by_itself_is_told(
    start_worker: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: object) -> None:
        raise RuntimeError("no more messages")

    monkeypatch.setattr(WorkController, "start", broken)
    one = await start_worker(ScriptedProvider(team(1)))
    with pytest.raises(WorkerFailed, match="celery ended: no more messages"):
        await asyncio.wait_for(one.worker.wait(), SECONDS)
