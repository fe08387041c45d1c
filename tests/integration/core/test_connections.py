"""Connections: what keeps leases alive never waits for what turns hold."""

from __future__ import annotations

from contextlib import AsyncExitStack

from core.database import Database
from core.ids import TenantId
from tests.conftest import TestDatabase


async def test_plumbing_has_connections_while_units_of_work_hold_all_others(
    test_database: TestDatabase, tenant: TenantId
) -> None:
    async with AsyncExitStack() as stack:
        database = Database(test_database.application, size=4, plumbing=1)
        stack.push_async_callback(database.close)
        await database.open()
        for _ in range(3):
            await stack.enter_async_context(database.unit_of_work(tenant))
        async with database.plumbing() as connection:
            row = await (await connection.execute("SELECT 1 AS one")).fetchone()
        assert row == {"one": 1}
