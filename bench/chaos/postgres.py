"""The run's own Postgres, which may be killed, and what is looked up in it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.conninfo import make_conninfo
from psycopg.rows import tuple_row

from core.database import queries
from core.database.migrate import APPLICATION_ROLE
from core.postgres import EmbeddedPostgres, PostgresAddress
from core.postgres.placement import Placement
from core.postgres.server import read_runtime

SQL = queries.load(__file__, "watch.sql")
APPLICATION_PASSWORD = "only-for-chaos"
ATTEMPTS = 200


class Postgres:
    def __init__(self, folder: Path) -> None:
        self._placement = Placement(folder=folder)
        self._server = EmbeddedPostgres(folder)
        self._address: PostgresAddress | None = None

    @property
    def admin(self) -> str:
        assert self._address is not None, "a started server"
        return self._address.conninfo()

    @property
    def application(self) -> str:
        return make_conninfo(self.admin, user=APPLICATION_ROLE, password=APPLICATION_PASSWORD)

    async def start(self) -> None:
        """Start it, or wait until it is back after a kill; it keeps its port."""
        self._address = await asyncio.to_thread(self._server.start)

    def kill(self, *, keeper: bool = False) -> None:
        """End the postmaster, and every connection with it; also the keeper, which would bring it back."""
        runtime = read_runtime(self._placement)
        if runtime is None:
            return
        for pid in [runtime.keeper_pid] * keeper + [runtime.postmaster_pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def watch(self) -> None:
        await self.fetch(SQL.install)

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator[AsyncConnection[tuple[Any, ...]]]:
        async with await AsyncConnection.connect(
            self.admin, autocommit=True, row_factory=tuple_row, options="-c search_path=treehold,public"
        ) as connection:
            yield connection

    async def fetch(self, query: bytes, params: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        """As administrator; patient with a server that is being killed."""
        for attempt in range(ATTEMPTS):
            try:
                async with self.connected() as connection:
                    cursor = await connection.execute(query, params)
                    return await cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                if attempt == ATTEMPTS - 1:
                    raise
                await asyncio.sleep(0.1)
        raise AssertionError("the last attempt returns or raises")

    async def number(self, query: bytes) -> int:
        ((number,),) = await self.fetch(query)
        return number

    async def hold_messages(self, seconds: float) -> None:
        """Keep what is in the outbox from every relay for a while."""
        with contextlib.suppress(psycopg.OperationalError):
            async with self.connected() as connection, connection.transaction():
                await connection.execute(SQL.hold_messages)
                await asyncio.sleep(seconds)

    def stop(self) -> None:
        self._server.release()
