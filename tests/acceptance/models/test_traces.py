"""What all these tasks left behind: no key of the model, no traceback, no call left open."""

from __future__ import annotations

import asyncio

from psycopg import sql

from tests.acceptance.models.site import MODEL_KEY, Outcome, Site, holding
from tests.acceptance.models.test_tenants import tables


async def test_no_row_holds_the_models_key(site: Site, outcomes: dict[str, asyncio.Task[Outcome]]) -> None:
    """Among them a node's error that said the key aloud."""
    await asyncio.gather(*outcomes.values())
    looked: set[str] = set()
    for table in await tables(site):
        query = sql.SQL(
            "SELECT count(*) FILTER (WHERE to_jsonb(t)::text LIKE {}), count(*) FROM treehold.{} AS t"
        )
        cursor = await site.admin.execute(query.format(f"%{MODEL_KEY}%", sql.Identifier(table)))
        row = await cursor.fetchone()
        assert row is not None
        assert row[0] == 0, table
        looked |= {table} if row[1] else set()
    assert looked >= {"task", "agent", "call", "event", "checkpoint"} - {"checkpoint"}
    wrong = outcomes["wrong key"].result()
    said = [str(event.data["message"]) for event in wrong.of_kind("model.failed")]
    assert len(said) == 1
    assert said[0].startswith(f"small-8b at {site.node.base_url} refuses the key it was given")
    assert said[0].endswith("(Incorrect API key provided: ***)")


async def test_no_file_and_no_log_holds_the_models_key(site: Site) -> None:
    folder = await asyncio.to_thread(site.data.resolve)
    assert await asyncio.to_thread(holding, folder, MODEL_KEY) == []
    assert MODEL_KEY not in await asyncio.to_thread(site.log.read_text)


async def test_the_server_wrote_no_traceback(site: Site) -> None:
    log = await asyncio.to_thread(site.log.read_text)
    assert "Traceback" not in log, log
    assert site.process.returncode is None


async def test_no_call_and_no_reservation_is_left_open(
    site: Site, outcomes: dict[str, asyncio.Task[Outcome]]
) -> None:
    await asyncio.gather(*outcomes.values())
    for query in (
        "SELECT count(*) FROM call WHERE state = 'intent'",
        "SELECT count(*) FROM budget WHERE reserved <> 0 OR delegated <> 0",
        "SELECT count(*) FROM agent WHERE state NOT IN ('done', 'failed', 'cancelled')",
    ):
        row = await (await site.admin.execute(query)).fetchone()
        assert row == (0,), query
