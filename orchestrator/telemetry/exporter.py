"""The trace exporter: tells committed events to a collector, as spans, in the order of each task's events.

One process leads, by an advisory lock; how far each task is told is a row. Where a process dies between a
collector's receipt and that row, its successor tells the same spans again, under the same ids. A collector
that is away costs nothing but rows that wait.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Protocol
from uuid import UUID

import psycopg
from psycopg.rows import DictRow, dict_row

from core.clock import Clock
from core.database import Database, Row, queries
from core.errors import StorageError
from core.ids import TenantId
from core.metrics import Metrics
from core.tracing import TraceContext, parse
from orchestrator.engine.relay import connected
from orchestrator.telemetry.span import Happening, Span
from orchestrator.telemetry.trace import TaskTrace

SQL = queries.load(__file__, "exporter.sql")
log = logging.getLogger(__name__)

PAGE = 500
"""Events of one task that are told at once."""
TASKS = 100
"""Tasks of one look."""
OPEN_TRACES = 2_000
"""Tasks whose open spans are kept in memory; those of others are read again."""
MOST_WAIT = timedelta(hours=24)
"""A task that ended so long ago and could not be told is given up."""
TRIES = 5
"""A task that is refused so often, while others are taken, is given up."""
LEAD_SECONDS = 5.0
"""How often a process that does not lead tries to."""
BACK_OFF_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0)
"""After the first, second, … failure in a row."""
_IDLE = b"SET idle_session_timeout = '60s'"
"""A leader that is stopped must not lead for ever."""


class Sink(Protocol):
    """Where spans go."""

    def wants(self, task: UUID, caller: TraceContext | None) -> bool:
        """Whether the task's trace is recorded at all."""
        ...

    def export(self, spans: Sequence[Span]) -> bool:
        """Blocks, for a bounded time; whether the collector has taken them all."""
        ...

    def close(self) -> None: ...


class TraceExporter:
    """One a process; among all of them, one tells.

    Attributes:
        content: whether texts are told.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        sink: Sink,
        metrics: Metrics,
        *,
        sweep: float,
        content: bool = False,
    ) -> None:
        self._database = database
        self._clock = clock
        self._sink = sink
        self._metrics = metrics
        self._sweep = sweep
        self.content = content
        self._leaving = asyncio.Event()
        self._traces: OrderedDict[UUID, TaskTrace] = OrderedDict()
        self._refused: Counter[UUID] = Counter()
        self._in_a_row = 0

    async def run(self) -> None:
        """Until told to leave; outlives a Postgres and a collector that go away for a while."""
        try:
            while not self._leaving.is_set():
                try:
                    await self._lead()
                except (StorageError, psycopg.Error) as error:
                    log.info("traces.interrupted", extra={"reason": str(error)})
                except Exception:
                    log.exception("traces.failed")
                await self._pause(LEAD_SECONDS)
        finally:
            await asyncio.to_thread(self._sink.close)

    def leave(self) -> None:
        """Have `run` return, once what there is has been told, or the collector fails to take it."""
        self._leaving.set()

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._leaving.wait()

    async def _lead(self) -> None:
        """Raises what ended the connection that the lead is bound to."""
        async with await connected(self._database.conninfo) as connection:
            await connection.execute(_IDLE)
            looking = connection.cursor(row_factory=dict_row)
            while not await _leads(looking):
                if self._leaving.is_set():
                    return
                await self._pause(LEAD_SECONDS)
            self._traces.clear()
            while True:
                leaving = self._leaving.is_set()
                if await self.round(looking):
                    continue
                if leaving:
                    return
                await self._pause(_back_off(self._in_a_row) if self._in_a_row else self._sweep)

    async def round(self, looking: psycopg.AsyncCursor[DictRow]) -> bool:
        """One look; whether there is more to tell at once."""
        await looking.execute(SQL.untold, {"most": TASKS})
        found = await looking.fetchall()
        more = len(found) == TASKS
        for row in sorted(found, key=lambda row: self._refused[row["task_id"]]):
            try:
                more = await self._tell(row) or more
            except _NotTaken:
                return False
        return more

    async def _tell(self, row: Row) -> bool:
        """A page of one task; whether there is another. Raises `_NotTaken`."""
        tenant, task, after = TenantId(row["tenant_id"]), row["task_id"], row["seq"]
        caller = parse(row["traceparent"])
        given_up = self._is_hopeless(row)
        if row["over"] or given_up or not self._sink.wants(task, caller):
            self._metrics.traces_given_up.inc(given_up)
            await self._forget(tenant, task)
            return False
        trace = await self._trace(tenant, task, caller, after)
        events = await self._events(tenant, task, after, PAGE)
        try:
            spans = [span for event in events for span in trace.take(event)]
        except Exception:
            log.exception("traces.given_up", extra={"task": str(task), "reason": "events not understood"})
            self._metrics.traces_given_up.inc()
            await self._forget(tenant, task)
            return False
        if spans:
            await self._export(task, spans)
        async with self._database.unit_of_work(tenant) as work:
            await work.execute(SQL.advance, {"task": task, "seq": trace.seq, "after": after})
        return len(events) == PAGE

    async def _export(self, task: UUID, spans: Sequence[Span]) -> None:
        if await asyncio.to_thread(self._sink.export, spans):
            self._metrics.spans_told.inc(len(spans))
            self._in_a_row = 0
            self._refused.pop(task, None)
            return
        del self._traces[task]  # it is ahead of what is told
        self._metrics.exports_failed.inc()
        self._in_a_row += 1
        self._refused[task] += 1
        log.warning("traces.not_taken", extra={"task": str(task), "spans": len(spans)})
        raise _NotTaken

    def _is_hopeless(self, row: Row) -> bool:
        """Its end is long past, or it alone is refused again and again."""
        task, ended = row["task_id"], row["ended_at"]
        if self._refused[task] >= TRIES and not self._in_a_row:
            log.error("traces.given_up", extra={"task": str(task), "reason": "refused"})
            return True
        if not row["over"] and ended is not None and self._clock.now() - ended > MOST_WAIT:
            log.error("traces.given_up", extra={"task": str(task), "reason": "too old"})
            return True
        return False

    async def _forget(self, tenant: TenantId, task: UUID) -> None:
        self._traces.pop(task, None)
        self._refused.pop(task, None)
        async with self._database.unit_of_work(tenant) as work:
            await work.execute(SQL.forget, {"task": task})

    async def _trace(
        self, tenant: TenantId, task: UUID, caller: TraceContext | None, after: int
    ) -> TaskTrace:
        """The task's open spans as they were behind an event, from memory or from its rows."""
        trace = self._traces.pop(task, None)
        if trace is None or trace.seq != after:
            trace = TaskTrace(task, tenant, caller, content=self.content)
            while trace.seq < after:
                for event in await self._events(tenant, task, trace.seq, min(PAGE, after - trace.seq)):
                    trace.take(event)
        self._traces[task] = trace
        if len(self._traces) > OPEN_TRACES:
            self._traces.popitem(last=False)
        return trace

    async def _events(self, tenant: TenantId, task: UUID, after: int, limit: int) -> list[Happening]:
        wanted = {"task": task, "after": after, "limit": limit, "content": self.content}
        async with self._database.unit_of_work(tenant) as work:
            rows = await work.fetch_all(SQL.happenings, wanted)
        return [
            Happening(
                seq=row["seq"],
                at=row["at"],
                kind=row["kind"],
                agent=row["agent_id"],
                data=row["data"],
                node=row["node_id"],
                request=row["request"],
                outcome=row["outcome"],
            )
            for row in rows
        ]


class _NotTaken(Exception):
    """The collector did not take spans, or does not answer."""


async def _leads(cursor: psycopg.AsyncCursor[DictRow]) -> bool:
    await cursor.execute(SQL.lead)
    row = await cursor.fetchone()
    return row is not None and row["leads"]


def _back_off(failures: int) -> float:
    return BACK_OFF_SECONDS[min(failures, len(BACK_OFF_SECONDS)) - 1]
