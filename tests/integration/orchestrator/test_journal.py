"""Outcomes that wait for the turn's next write: written once, with it, or not at all."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

from bench.support.scripts import team
from core.ids import AgentId
from orchestrator.turns.journal import Entry, Journal
from tests.integration.orchestrator.conftest import Opener

HELD, USED = 100, 30


def call(position: int) -> Entry:
    held: Any = {"tokens": HELD}
    return Entry(position=position, kind="model", name="act", effect="pure", request={}, reserve=held)


async def opened_journal(open_harness: Opener) -> Journal:
    opened, _ = await open_harness(team(1))
    await opened.submit("keep a journal", budget={"tokens": 100_000})
    ((_, tenant, agent),) = await opened.collect()
    claimed = await opened.room.engine.claim(tenant, AgentId(agent))
    assert claimed is not None
    return claimed.turn.journal


async def made(journal: Journal, position: int) -> None:
    """A call that was made and used less than was held for it."""
    await journal.begin(call(position), journal.event("model.started", position=position))
    await concluded(journal, position)


async def concluded(journal: Journal, position: int) -> None:
    event = journal.event("model.finished", position=position)
    await journal.conclude(call(position), state="done", outcome="yes", used={"tokens": USED}, events=[event])


async def states(admin: AsyncConnection) -> list[str]:
    cursor = await admin.execute("SELECT state FROM call ORDER BY position")
    return [row[0] for row in await cursor.fetchall()]


async def account(admin: AsyncConnection) -> tuple[int, int]:
    cursor = await admin.execute("SELECT reserved, spent FROM budget WHERE unit = 'tokens'")
    row = await cursor.fetchone()
    assert row is not None
    return row[0], row[1]


async def told(admin: AsyncConnection) -> list[tuple[str, int]]:
    cursor = await admin.execute(
        "SELECT kind, data -> 'position' FROM event WHERE kind LIKE 'model%' ORDER BY seq"
    )
    return [(row[0], row[1]) for row in await cursor.fetchall()]


async def test_an_outcome_is_written_with_the_next_intent(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    journal = await opened_journal(open_harness)
    await made(journal, 0)
    assert await states(admin) == ["intent"]
    await made(journal, 1)
    assert await states(admin) == ["done", "intent"]
    assert await account(admin) == (HELD, USED)
    assert await told(admin) == [("model.started", 0), ("model.finished", 0), ("model.started", 1)]


async def test_an_outcome_whose_writing_was_not_confirmed_counts_once(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    """The connection broke after the server had committed, and the turn is handed back."""
    journal = await opened_journal(open_harness)
    await made(journal, 0)
    await journal.begin(call(1))
    await concluded(journal, 0)
    await journal.flush()
    assert await account(admin) == (HELD, USED)
    assert await told(admin) == [("model.started", 0), ("model.finished", 0)]


async def test_a_call_begun_before_is_not_told_of_again(open_harness: Opener, admin: AsyncConnection) -> None:
    journal = await opened_journal(open_harness)
    await journal.begin(call(1))
    await made(journal, 0)
    recorded = await journal.begin(call(1), journal.event("model.started", position=1))
    assert recorded is not None
    assert recorded.state == "intent"
    assert await told(admin) == [("model.started", 0), ("model.finished", 0)]
    assert await account(admin) == (HELD, USED)
