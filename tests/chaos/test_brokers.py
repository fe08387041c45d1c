"""Brokers lose messages, repeat them, die and come back; tasks do not notice."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest
from psycopg import AsyncConnection

from bench.support.engine import ScriptedProvider
from bench.support.scripts import team
from core.errors import ConfigurationError
from core.ids import AgentId, TenantId
from orchestrator.engine.engine import Claimed, Engine
from orchestrator.topics import ADVANCE
from tests.brokers import Redis, Server
from tests.chaos.conftest import PATIENT, QUICK, SECONDS, Held, Starter, until
from workers import celery_app
from workers.celery_app import make_celery, send
from workers.worker import LEAST_AHEAD


def kinds(provider: ScriptedProvider) -> list[str]:
    return sorted(request.kind for request in provider.requests)


async def test_work_goes_on_after_the_broker_was_away(
    start_on_shared_broker: Starter, shared_broker: Server
) -> None:
    """Killed with a turn in flight; what is submitted meanwhile waits in the outbox."""
    held = Held(team(2), kind="plan")
    one = await start_on_shared_broker(held, **QUICK)
    tasks = [await one.harness.submit("before")]
    await held.reached.wait()
    shared_broker.kill()
    held.released.set()
    tasks.append(await one.harness.submit("meanwhile"))

    async def noticed() -> bool:
        return not one.worker.consuming

    await until(noticed)
    await asyncio.to_thread(shared_broker.start)
    assert [(await one.finished(task)).status for task in tasks] == ["done", "done"]
    assert one.worker.consuming
    assert kinds(held) == sorted(["plan", "act", "act", "answer"] * 2)


async def test_a_message_that_was_not_confirmed_stays_in_the_outbox(
    start_on_shared_broker: Starter, shared_broker: Server
) -> None:
    """Nothing would be published again in this test."""
    one = await start_on_shared_broker(ScriptedProvider(team(1)), **PATIENT)
    assert (await one.finished(await one.harness.submit("before"))).status == "done"
    shared_broker.kill()
    tasks = [await one.harness.submit(f"task {number}") for number in range(5)]
    await asyncio.to_thread(shared_broker.start)
    assert [(await one.finished(task)).status for task in tasks] == ["done"] * 5


async def test_a_broker_that_forgot_its_messages_gets_them_again(
    start_on_shared_broker: Starter, shared_broker: Server, admin: AsyncConnection
) -> None:
    stuck = await start_on_shared_broker(Held(team(1), kind="plan"), concurrency=1, **QUICK)
    tasks = [await stuck.harness.submit(f"task {number}") for number in range(5)]
    await until_no_more_fit(admin)
    shared_broker.empty()
    other = await start_on_shared_broker(ScriptedProvider(team(1)), owner="worker-2", **QUICK)
    assert isinstance(stuck.provider, Held)
    stuck.provider.released.set()
    assert [(await other.finished(task)).status for task in tasks] == ["done"] * 5


async def until_published(admin: AsyncConnection) -> None:
    async def empty() -> bool:
        cursor = await admin.execute("SELECT 1 FROM outbox")
        return await cursor.fetchone() is None

    await until(empty)


async def until_no_more_fit(admin: AsyncConnection) -> None:
    """As many messages as may be with a broker, while no worker has a slot for them."""

    async def full() -> bool:
        cursor = await admin.execute(
            "SELECT count(*) FROM agent WHERE state = 'ready' AND sent_at IS NOT NULL"
        )
        return await cursor.fetchone() == (LEAST_AHEAD,)

    await until(full)


async def test_messages_that_come_often_ask_no_model_twice(
    start_on_shared_broker: Starter, shared_broker: Server, admin: AsyncConnection, tenant: TenantId
) -> None:
    held = Held(team(3), kind="act")
    one = await start_on_shared_broker(held, **PATIENT)
    task = await one.harness.submit("often")
    await held.reached.wait()
    cursor = await admin.execute("SELECT id FROM agent")
    agents = [row[0] for row in await cursor.fetchall()]
    celery = make_celery(shared_broker.url)
    for agent in agents * 5:
        await asyncio.to_thread(send, celery, ADVANCE, tenant, agent)
    celery.close()
    held.released.set()
    assert (await one.finished(task)).status == "done"
    assert kinds(held) == ["act", "act", "act", "answer", "plan"]


async def test_a_worker_fetches_no_more_than_it_has_slots_for(start_on_shared_broker: Starter) -> None:
    """Its one slot hangs, and nothing would be published again: what it fetched would stay undone."""
    held = Held(team(1), kind="plan")
    stuck = await start_on_shared_broker(held, concurrency=1, **PATIENT)
    tasks = [await stuck.harness.submit("first")]
    await held.reached.wait()
    tasks += [await stuck.harness.submit(f"task {number}") for number in range(6)]
    other = await start_on_shared_broker(ScriptedProvider(team(1)), owner="worker-2", **PATIENT)
    assert [(await other.finished(task)).status for task in tasks[1:]] == ["done"] * 6
    held.released.set()
    assert (await other.finished(tasks[0])).status == "done"


async def test_a_turn_may_take_longer_than_redis_waits_for_it(
    redis: Redis, start_worker: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message comes a second time, finds its agent taken, and is forgotten."""
    monkeypatch.setattr(celery_app, "VISIBILITY_SECONDS", 1)
    redis.empty()
    claims: list[Claimed | None] = []
    claim = Engine.claim

    async def seen(self: Engine, tenant: TenantId, agent: AgentId) -> Claimed | None:
        claims.append(claimed := await claim(self, tenant, agent))
        return claimed

    monkeypatch.setattr(Engine, "claim", seen)
    held = Held(team(1), kind="plan")
    one = await start_worker(held, broker_url=redis.url, **PATIENT)
    task = await one.harness.submit("slow")

    async def again() -> bool:
        return len(claims) > 1

    await until(again)
    held.released.set()
    assert (await one.finished(task)).status == "done"
    assert kinds(held) == ["act", "answer", "plan"]


async def test_a_worker_stops_soon_though_its_broker_is_silent(
    start_on_shared_broker: Starter, shared_broker: Server
) -> None:
    one = await start_on_shared_broker(ScriptedProvider(team(1)), **QUICK)
    assert (await one.finished(await one.harness.submit("before"))).status == "done"
    shared_broker.stand_still()
    try:
        began = time.monotonic()
        await one.worker.stop()
        assert time.monotonic() - began < 15
    finally:
        shared_broker.go_on()


async def test_a_worker_stops_while_its_broker_is_away(redis: Redis, start_worker: Starter) -> None:
    """It is in the midst of trying to reach it, and gives that up."""
    one = await start_worker(ScriptedProvider(team(1)), broker_url=redis.url, **QUICK)
    redis.kill()

    async def noticed() -> bool:
        return not one.worker.consuming

    await until(noticed)
    await one.worker.stop()
    left = {thread.name for thread in threading.enumerate()}
    await asyncio.to_thread(redis.start)
    assert "celery" not in left


async def test_learning_can_be_left_to_others(
    start_on_shared_broker: Starter, admin: AsyncConnection
) -> None:
    turns = await start_on_shared_broker(ScriptedProvider(team(1)), queues=("advance",), **PATIENT)
    task = await turns.harness.submit("learn later")
    assert (await turns.finished(task)).status == "done"
    await until_published(admin)
    assert not await learned(admin)
    await start_on_shared_broker(ScriptedProvider(team(1)), owner="worker-2", queues=("learn",), **PATIENT)

    async def taken_in() -> bool:
        return await learned(admin)

    await until(taken_in)


async def learned(admin: AsyncConnection) -> bool:
    cursor = await admin.execute("SELECT bool_and(learned_at IS NOT NULL) FROM task")
    row = await cursor.fetchone()
    assert row is not None
    return bool(row[0])


async def test_the_smallest_pool_serves_all_slots(start_worker: Starter) -> None:
    """Turns that wait for a model hold no connection, and none needs two at once."""
    one = await start_worker(ScriptedProvider(team(4)), concurrency=16, pool_size=5)
    tasks = [await one.harness.submit(f"task {number}") for number in range(12)]
    done = await asyncio.wait_for(asyncio.gather(*(one.finished(task) for task in tasks)), SECONDS)
    assert {task.status for task in done} == {"done"}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"concurrency": 64, "pool_size": 8}, "make it 11 or more"),
        ({"queues": ("advance",)}, "must take all queues"),
    ],
)
async def test_settings_that_do_not_go_together_are_refused(
    start_worker: Starter, settings: dict[str, Any], told: str
) -> None:
    with pytest.raises(ConfigurationError, match=told):
        await start_worker(ScriptedProvider(team(1)), **settings)
