"""When to call a failing node again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from core.errors import ModelError, ModelRateLimited

Jitter = Callable[[], float]
"""Numbers from 0 to 1; injected, so that tests can fix them."""

system_jitter: Jitter = random.SystemRandom().random


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """Bounds in attempts and in time. Delays double from `base_seconds` up to `cap_seconds`."""

    max_attempts: int = 4
    total_seconds: float = 900.0
    base_seconds: float = 0.5
    cap_seconds: float = 20.0

    def delay(self, error: ModelError, *, failures: int, elapsed: float, jitter: Jitter) -> float | None:
        """Seconds to wait before the next attempt, or None when there must be none.

        A rate-limited node is obeyed: its `Retry-After` replaces the computed delay.
        """
        if not error.retryable or failures >= self.max_attempts:
            return None
        asked = error.retry_after if isinstance(error, ModelRateLimited) else None
        delay = self._backoff(failures) * (0.5 + 0.5 * jitter()) if asked is None else max(0.0, asked)
        return delay if elapsed + delay <= self.total_seconds else None

    def _backoff(self, failures: int) -> float:
        return min(self.cap_seconds, self.base_seconds * 2.0 ** (failures - 1))
