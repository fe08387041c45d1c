"""When to call a failing node again."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from core.errors import ModelError, ModelRateLimited
from inference.failure import Unreachable

Jitter = Callable[[], float]
"""Numbers from 0 to 1; injected, so that tests can fix them."""

system_jitter: Jitter = random.SystemRandom().random


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """Bounds in attempts and in time. Delays double from `base_seconds` up to `cap_seconds`.

    Attributes:
        longest_seconds: the most a call waits where a node says how long, because it waits in a slot.
        contact_seconds: from the first failure, while a node has never answered: it may just be starting.
    """

    max_attempts: int = 4
    total_seconds: float = 900.0
    base_seconds: float = 0.5
    cap_seconds: float = 20.0
    longest_seconds: float = 30.0
    contact_seconds: float = 3.0

    def delay(
        self, error: ModelError, *, failures: int, elapsed: float, failing: float, met: bool, jitter: Jitter
    ) -> float | None:
        """Seconds to wait before the next attempt, or None when there must be none.

        A rate-limited node is obeyed: its `Retry-After` replaces the computed delay.

        Args:
            error: of the last attempt.
            failures: so far, this one counted.
            elapsed: seconds since the call began.
            failing: seconds since its first failure.
            met: whether the node has ever answered.
            jitter: between 0 and 1.
        """
        if not error.retryable or failures >= self.max_attempts:
            return None
        asked = error.retry_after if isinstance(error, ModelRateLimited) else None
        delay = self._backoff(failures) * (0.5 + 0.5 * jitter()) if asked is None else max(0.0, asked)
        if asked is not None and asked > self.longest_seconds:
            return None
        if isinstance(error, Unreachable) and not met and failing + delay > self.contact_seconds:
            return None
        return delay if elapsed + delay <= self.total_seconds else None

    def _backoff(self, failures: int) -> float:
        return min(self.cap_seconds, self.base_seconds * 2.0 ** (failures - 1))
