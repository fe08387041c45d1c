"""When a request is made again, and how long to wait before."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

RETRYABLE = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, kw_only=True)
class Retry:
    """How patient a client is.

    Attributes:
        attempts: how often a request is made in all.
        reconnects: how often in a row a stream is opened without bringing anything.
        first_pause: seconds before the second attempt; doubled each time, up to `longest_pause`.
        longest_wait: a server that asks for more than these seconds is not waited for.
    """

    attempts: int = 4
    reconnects: int = 10
    first_pause: float = 0.25
    longest_pause: float = 8.0
    longest_wait: float = 60.0

    def pause(self, attempt: int, *, asked: float | None = None) -> float | None:
        """Seconds to wait after the given attempt, counted from 1; None when it was the last."""
        if attempt >= self.attempts or (asked is not None and asked > self.longest_wait):
            return None
        pause = min(self.longest_pause, self.first_pause * 2 ** (attempt - 1))
        spread = pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
        return max(spread, asked or 0.0)

    def pause_for(self, response: httpx.Response, attempt: int) -> float | None:
        """As `pause`, or None where the answer is final."""
        if response.status_code not in RETRYABLE:
            return None
        return self.pause(attempt, asked=retry_after(response))


def retry_after(response: httpx.Response) -> float | None:
    """Seconds that the server asks to wait (RFC 9110 §10.2.3), if it does."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


class Deadline:
    """A moment after which nothing is waited for; without seconds, never."""

    def __init__(self, seconds: float | None) -> None:
        self._end = None if seconds is None else time.monotonic() + seconds

    @property
    def left(self) -> float:
        return float("inf") if self._end is None else max(0.0, self._end - time.monotonic())

    @property
    def passed(self) -> bool:
        return self.left == 0.0
