"""Figures for Prometheus: what this process counted, and how the whole fleet stands."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from prometheus_client import Gauge, generate_latest

from core.clock import Clock
from core.database import Database, Row, queries
from core.errors import StorageError
from core.metrics import Metrics

SQL = queries.load(__file__, "fleet.sql")
log = logging.getLogger(__name__)

MOST_AGE = 5.0
"""Seconds for which figures of the fleet are shown again, however often they are asked for."""
TENANTS = 10
"""How many tenants have a label of their own: those that wait longest."""
STATES = (
    "ready",
    "running",
    "waiting_children",
    "waiting_approval",
    "waiting_person",
    "waiting_timer",
)


class Fleet:
    """One a process."""

    def __init__(self, database: Database, metrics: Metrics, clock: Clock) -> None:
        self._database = database
        self._metrics = metrics
        self._clock = clock
        self._reading = asyncio.Lock()
        self._read_at: float | None = None

    async def text(self) -> bytes:
        """All metrics in Prometheus' text format; without those of the fleet while Postgres is away."""
        async with self._reading:
            if self._read_at is None or self._clock.monotonic() - self._read_at >= MOST_AGE:
                await self._read()
                self._read_at = self._clock.monotonic()
        used, idle, waiting = self._database.connections()
        self._metrics.pool_connections.labels("used").set(used)
        self._metrics.pool_connections.labels("idle").set(idle)
        self._metrics.pool_waiting.set(waiting)
        return generate_latest(self._metrics.registry)

    async def _read(self) -> None:
        metrics = self._metrics
        try:
            async with self._database.plumbing() as connection:
                cursor = await connection.execute(SQL.figures, {"tenants": TENANTS})
                rows = await cursor.fetchall()
        except StorageError as error:
            log.warning("fleet.not_read", extra={"reason": error.message})
            metrics.database_up.set(0)
            for gauge in (metrics.tasks_open, metrics.agents, metrics.queue_age):
                gauge.clear()
            return
        metrics.database_up.set(1)
        _set(metrics.tasks_open, rows, "tasks_open", ("running", "paused"))
        _set(metrics.agents, rows, "agents", STATES)
        _set(metrics.queue_age, rows, "queue_age", ())
        for name, gauge in (
            ("outbox", metrics.outbox),
            ("outbox_age", metrics.outbox_age),
            ("approvals_pending", metrics.approvals_pending),
            ("traces_waiting", metrics.traces_waiting),
        ):
            gauge.set(next(row["value"] for row in rows if row["figure"] == name))


def _set(gauge: Gauge, rows: Iterable[Row], figure: str, known: Iterable[str]) -> None:
    """By label; what there is none of is 0, where the labels are known."""
    values = dict.fromkeys(known, 0.0) | {r["label"]: r["value"] for r in rows if r["figure"] == figure}
    gauge.clear()
    for label, value in values.items():
        gauge.labels(label).set(value)
