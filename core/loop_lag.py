"""How late an event loop is: whatever blocks it, everything in the process waits for."""

from __future__ import annotations

from core.clock import Clock
from core.metrics import Metrics

EVERY_SECONDS = 0.5


async def watch_loop(metrics: Metrics, clock: Clock) -> None:
    """Until cancelled."""
    while True:
        before = clock.monotonic()
        await clock.sleep(EVERY_SECONDS)
        metrics.loop_lag.observe(max(0.0, clock.monotonic() - before - EVERY_SECONDS))
