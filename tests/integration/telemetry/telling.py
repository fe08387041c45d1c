"""Exporters over a harness, driven a round at a time."""

from __future__ import annotations

from contextlib import AsyncExitStack
from types import TracebackType

from psycopg import AsyncCursor
from psycopg.rows import DictRow, dict_row

from bench.support.engine import Harness
from orchestrator.engine.relay import connected
from orchestrator.telemetry.exporter import TraceExporter


class Exporting:
    def __init__(self, opened: Harness) -> None:
        self._opened = opened
        self._stack = AsyncExitStack()
        self._looking: AsyncCursor[DictRow] | None = None
        self.exporter = self.another()

    async def __aenter__(self) -> Exporting:
        connection = await self._stack.enter_async_context(
            await connected(self._opened.platform.database.conninfo)
        )
        self._looking = connection.cursor(row_factory=dict_row)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def another(self) -> TraceExporter:
        """What was kept in memory is lost."""
        made = self._opened.room.trace_exporter()
        assert made is not None, "the environment names a collector"
        self.exporter = made
        return made

    async def round(self) -> None:
        assert self._looking is not None, "entered"
        while await self.exporter.round(self._looking):
            pass

    def counted(self, name: str) -> float:
        return self._opened.platform.metrics.registry.get_sample_value(f"treehold_{name}") or 0.0
