"""Who is next: tenants share what the relay hands out by what they use."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import AsyncConnection

from bench.support.scripts import team
from core.database import Database
from core.ids import AgentId, TenantId
from orchestrator.engine.relay import Order, Relay
from tests.conftest import TestDatabase, add_tenant
from tests.integration.orchestrator.conftest import Opener

TAKE = b"SELECT tenant_id, topic, subject_id FROM take_outbox(%(most)s, NULL, NULL, %(patience)s)"
LONG = 3600.0


@dataclass(kw_only=True)
class Queue:
    """The outbox, as the relay takes it and calls charge it."""

    database: Database = field(repr=False)
    admin: AsyncConnection = field(repr=False)

    async def add(self, tenant: TenantId, count: int, *, topic: str = "advance") -> None:
        await self.admin.execute(
            "INSERT INTO outbox (tenant_id, topic, subject_id) "
            "SELECT %s, %s, gen_random_uuid() FROM generate_series(1, %s)",
            (tenant, topic, count),
        )

    async def take(
        self, most: int, *, used: Mapping[TenantId, int] | None = None, patience: float = LONG
    ) -> list[TenantId]:
        """Whose messages came, in their order; each of them then uses so many tokens."""
        async with self.database.plumbing() as connection:
            cursor = await connection.execute(TAKE, {"most": most, "patience": patience})
            rows = await cursor.fetchall()
        taken = [TenantId(row["tenant_id"]) for row in rows if row["subject_id"] is not None]
        for tenant in taken if used else ():
            await self.spend(tenant, (used or {})[tenant])
        return taken

    async def spend(self, tenant: TenantId, tokens: int) -> None:
        await self.admin.execute("INSERT INTO spending VALUES (%s, %s)", (tenant, tokens))

    async def share(self, tenant: TenantId, **given: Any) -> None:
        for column, value in given.items():
            query = f"UPDATE share SET {column} = %s WHERE tenant_id = %s"
            await self.admin.execute(query.encode(), (value, tenant))


@pytest.fixture
def queue(database: Database, admin: AsyncConnection) -> Queue:
    return Queue(database=database, admin=admin)


async def test_a_newcomer_does_not_wait_behind_anothers_thousand(
    queue: Queue, tenant: TenantId, other_tenant: TenantId
) -> None:
    used = {tenant: 2000, other_tenant: 2000}
    await queue.add(tenant, 1000)
    for _ in range(3):
        assert set(await queue.take(16, used=used)) == {tenant}
    await queue.add(other_tenant, 1)
    assert other_tenant in (await queue.take(16))[:3]


async def test_what_turns_were_thought_to_use_does_not_count_against_a_newcomer(
    open_harness: Opener, queue: Queue, tenant: TenantId, other_tenant: TenantId
) -> None:
    """Many are out, each at a first guess that was far too high."""
    opened, _ = await open_harness(team(1))
    for number in range(12):
        await opened.submit(f"out {number}")
    for _, _, agent in await opened.collect():
        assert await opened.room.engine.claim(tenant, AgentId(agent))
    await queue.add(tenant, 500)
    for _ in range(2):
        await queue.take(16, used={tenant: 20})
    await queue.add(other_tenant, 1)
    assert other_tenant in (await queue.take(16))[:3]


@pytest.mark.parametrize(
    ("weights", "use", "expected"),
    [((1, 1), (1000, 1000), 1.0), ((3, 1), (1000, 1000), 3.0), ((1, 1), (6000, 1000), 1 / 6)],
    ids=["alike", "by weight", "by tokens"],
)
async def test_turns_are_shared_by_the_tokens_they_use(
    queue: Queue,
    tenant: TenantId,
    other_tenant: TenantId,
    weights: tuple[int, int],
    use: tuple[int, int],
    expected: float,
) -> None:
    """With the price of a place in a worker, which makes a dear turn a little less dear."""
    used = dict(zip((tenant, other_tenant), use, strict=True))
    for each, weight in zip(used, weights, strict=True):
        await queue.add(each, 1000)
        await queue.share(each, weight=weight)
    served: Counter[TenantId] = Counter()
    for _ in range(40):
        served.update(await queue.take(10, used=used))
    assert served[tenant] / served[other_tenant] == pytest.approx(expected, rel=0.35)


async def test_who_was_away_has_saved_nothing_up(
    queue: Queue, tenant: TenantId, other_tenant: TenantId
) -> None:
    used = {tenant: 2000, other_tenant: 2000}
    await queue.add(tenant, 1000)
    for _ in range(20):
        await queue.take(16, used=used)
    await queue.add(other_tenant, 200)
    served = Counter([one for _ in range(6) for one in await queue.take(16, used=used)])
    assert min(served[tenant], served[other_tenant]) >= 32, (
        "each gets about half, though one had nothing before"
    )


async def test_who_used_much_alone_is_not_shut_out(
    queue: Queue, tenant: TenantId, other_tenant: TenantId
) -> None:
    """What it is behind with has a bound, and patience has a shorter one."""
    await queue.add(tenant, 50)
    await queue.take(1)
    await queue.spend(tenant, 10**9)
    await queue.add(other_tenant, 1000)
    used = {tenant: 2000, other_tenant: 2000}
    for patience, most in ((LONG, 100), (0.0, 1)):
        waited = 0
        while tenant not in await queue.take(1, used=used, patience=patience):
            waited += 1
        assert waited <= most


async def test_within_a_tenant_first_come_first_served(queue: Queue, tenant: TenantId) -> None:
    await queue.add(tenant, 40)
    cursor = await queue.admin.execute("SELECT subject_id FROM outbox ORDER BY id")
    came = [row[0] for row in await cursor.fetchall()]
    taken: list[UUID] = []
    for _ in range(5):
        async with queue.database.plumbing() as connection:
            rows = await (await connection.execute(TAKE, {"most": 8, "patience": LONG})).fetchall()
        taken += [row["subject_id"] for row in rows if row["subject_id"] is not None]
    assert taken == came


moves = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 12), st.integers(1, 16), st.integers(0, 50_000)),
    min_size=5,
    max_size=25,
)
"""In each round: whose messages come, how many, how many are taken, and what each of them uses."""


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rounds=moves)
async def test_nobody_starves_and_nothing_is_held_back(
    queue: Queue, test_database: TestDatabase, rounds: list[tuple[int, int, int, int]]
) -> None:
    """Against a model of the queue: every free place is filled, and a newcomer is served in its turn."""
    await queue.admin.execute("TRUNCATE outbox, spending")
    tenants = [add_tenant(test_database, str(uuid4())) for _ in range(4)]
    waiting: Counter[TenantId] = Counter()
    passed: Counter[TenantId] = Counter()
    for who, count, most, tokens in rounds:
        await queue.add(tenants[who], count)
        waiting[tenants[who]] += count
        taken = await queue.take(most, used=dict.fromkeys(tenants, tokens))
        assert len(taken) == min(most, waiting.total())
        waiting.subtract(taken)
        for tenant in tenants:
            passed[tenant] = 0 if tenant in taken or not waiting[tenant] else passed[tenant] + len(taken)
        assert max(passed.values()) <= 64 * 3 + 16, "the bound on how far ahead of others one can stand"
    assert min(waiting.values(), default=0) >= 0


async def test_a_long_queue_costs_no_more_to_take_from(
    queue: Queue, tenant: TenantId, other_tenant: TenantId
) -> None:
    await queue.add(tenant, 20_000)
    await queue.add(other_tenant, 20_000)
    await queue.admin.execute("ANALYZE outbox")
    async with queue.database.plumbing() as connection, connection.transaction():
        await connection.execute(TAKE, {"most": 16, "patience": LONG})
        cursor = await connection.execute(
            b"SELECT seq_tup_read + idx_tup_fetch AS seen FROM pg_stat_xact_user_tables "
            b"WHERE relname = 'outbox'"
        )
        row = await cursor.fetchone()
    assert row is not None
    assert 16 <= row["seen"] < 200


async def test_a_tenant_keeps_to_its_cap_and_leaves_the_rest_to_others(
    open_harness: Opener, queue: Queue, tenant: TenantId, other_tenant: TenantId
) -> None:
    opened, _ = await open_harness(team(1), max_running_per_tenant=2)
    other, _ = await open_harness(team(1), tenant=other_tenant, owner="worker-2")
    await queue.share(other_tenant, most_running=1)
    for number in range(4):
        await opened.submit(f"one {number}")
        await other.submit(f"two {number}")
    collected = await opened.collect()
    assert Counter(found for _, found, _ in collected) == {tenant: 2, other_tenant: 1}
    assert await opened.collect() == [], "until one of them has had its turn"
    first = next(AgentId(subject) for _, found, subject in collected if found == other_tenant)
    await other.room.engine.advance(other_tenant, first)
    assert [found for _, found, _ in await opened.collect()] == [other_tenant]


class Notebook:
    """A broker that everybody shares."""

    shared = True

    def __init__(self) -> None:
        self.published: asyncio.Queue[AgentId] = asyncio.Queue()

    async def publish(self, topic: str, tenant: TenantId, subject: UUID) -> None:
        self.published.put_nowait(AgentId(subject))

    async def capacity(self) -> int:
        return 1000


async def test_a_shared_broker_stays_shallow_and_is_filled_up_as_agents_are_claimed(
    open_harness: Opener, tenant: TenantId
) -> None:
    opened, _ = await open_harness(team(1))
    for number in range(5):
        await opened.submit(f"task {number}")
    broker = Notebook()
    relay, another = (
        Relay(opened.platform.database, broker, sweep=3600.0, order=Order(depth=2)) for _ in range(2)
    )
    running = asyncio.create_task(relay.run())
    try:
        waiting = [await broker.published.get(), await broker.published.get()]
        for _ in range(3):
            assert await another.drain() == 0, "no more than two that nobody has claimed"
            assert await opened.room.engine.claim(tenant, waiting.pop(0))
            relay.nudge()
            waiting.append(await broker.published.get())
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert broker.published.empty()


async def test_agents_of_paused_tasks_give_their_place_with_the_broker_back(
    open_harness: Opener, tenant: TenantId
) -> None:
    opened, _ = await open_harness(team(1))
    paused = [await opened.submit(f"stands still {number}") for number in range(2)]
    broker = Notebook()
    relay = Relay(opened.platform.database, broker, sweep=3600.0, order=Order(depth=2))
    assert await relay.drain() == 2
    for task in paused:
        await opened.platform.control.pause(opened.principal, task)
    await opened.submit("goes on")
    assert await relay.drain() == 0
    for _ in paused:
        assert await opened.room.engine.claim(tenant, broker.published.get_nowait()) is None
    assert await relay.drain() == 1


async def test_a_message_is_lost_only_when_it_was_sent_long_ago(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, _ = await open_harness(team(1), republish_seconds=600.0)
    await opened.submit("waits for a place")
    relay = Relay(opened.platform.database, broker := Notebook(), sweep=3600.0, order=Order(depth=2))
    assert await relay.drain() == 1
    await admin.execute("UPDATE agent SET published_at = published_at - interval '1 hour'")
    await opened.room.reaper().round()
    assert await relay.drain() == 0, "it was sent just now, however long it was ready before"
    await admin.execute("UPDATE agent SET sent_at = sent_at - interval '1 hour'")
    await opened.room.reaper().round()
    assert await relay.drain() == 1
    assert broker.published.qsize() == 2


async def test_one_relay_takes_rows_at_a_time(queue: Queue, tenant: TenantId) -> None:
    await queue.add(tenant, 3)
    async with queue.database.plumbing() as first, first.transaction():
        await first.execute(TAKE, {"most": 1, "patience": LONG})
        async with queue.database.plumbing() as second:
            rows = await (await second.execute(TAKE, {"most": 1, "patience": LONG})).fetchall()
    assert [(row["topic"], row["subject_id"]) for row in rows] == [("busy", None)]
    assert len(await queue.take(16)) == 2
