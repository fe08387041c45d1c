"""A worker that stops gives back at once what it holds."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from celery.worker import WorkController
from psycopg import AsyncConnection

from bench.support.engine import ScriptedProvider
from bench.support.scripts import team
from core.errors import WorkerFailed
from orchestrator.engine.reaper import Reaper
from orchestrator.engine.relay import Relay
from orchestrator.turns.lease import LeaseKeeper
from tests.chaos.conftest import PATIENT, SECONDS, Held, Starter


async def test_a_stopping_worker_hands_back_its_turns_and_its_messages(
    start_on_broker: Starter, admin: AsyncConnection
) -> None:
    held = Held(team(2), kind="act")
    stopped = await start_on_broker(held, concurrency=1, **PATIENT)
    tasks = [await stopped.harness.submit(f"task {number}") for number in range(6)]
    await held.reached.wait()
    await stopped.worker.stop()
    cursor = await admin.execute("SELECT count(*) FROM agent WHERE state = 'running'")
    assert await cursor.fetchone() == (0,)
    other = await start_on_broker(ScriptedProvider(team(2)), owner="worker-2", **PATIENT)
    assert [(await other.finished(task)).status for task in tasks] == ["done"] * 6


async def test_a_turn_handed_back_repeats_no_recorded_call(start_on_broker: Starter) -> None:
    held = Held(team(2), kind="answer")
    stopped = await start_on_broker(held, **PATIENT)
    task = await stopped.harness.submit("nearly done")
    await held.reached.wait()
    await stopped.worker.stop()
    other = await start_on_broker(ScriptedProvider(team(2)), owner="worker-2", **PATIENT)
    assert (await other.finished(task)).status == "done"
    assert [request.kind for request in held.requests] == ["plan", "act", "act"]
    assert [request.kind for request in other.provider.requests] == ["answer"]


async def test_stopping_twice_does_no_harm(start_on_broker: Starter) -> None:
    one = await start_on_broker(ScriptedProvider(team(1)))
    task = await one.harness.submit("quick")
    assert (await one.finished(task)).status == "done"
    await one.worker.stop()
    await one.worker.stop()


async def test_a_worker_that_was_stopped_is_no_longer_waited_for(start_on_broker: Starter) -> None:
    one = await start_on_broker(ScriptedProvider(team(1)))
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


async def test_nothing_else_begins_while_celery_is_put_together(
    start_worker: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relay that imported parts of Celery at the same time could lock with it, and the worker not start."""
    begun = threading.Event()
    overlapped: list[bool] = []

    async def run(self: Relay) -> None:
        begun.set()
        await asyncio.Event().wait()

    def put_together(self: WorkController, **options: Any) -> None:
        overlapped.append(begun.wait(0.5))
        made(self, **options)

    made = WorkController.__init__
    monkeypatch.setattr(Relay, "run", run)
    monkeypatch.setattr(WorkController, "__init__", put_together)
    await start_worker(ScriptedProvider(team(1)))
    assert overlapped == [False]
