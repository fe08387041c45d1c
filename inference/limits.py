"""How long a node may take: one deadline at a time over the whole of a call."""

from __future__ import annotations

import asyncio

from core.errors import ModelError, ModelTimeout
from inference.config import ModelConfig


class Limit:
    """The time limits of one call, one deadline at a time: first token, then stall, never past the total."""

    def __init__(self, config: ModelConfig) -> None:
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time() + config.total_seconds
        self._begun = False
        self.timeout = asyncio.timeout_at(min(self._last, self._loop.time() + config.first_token_seconds))

    def chunk_arrived(self) -> None:
        self._begun = True
        self.timeout.reschedule(min(self._last, self._loop.time() + self._config.stall_seconds))

    def exceeded(self, label: str) -> ModelError:
        config = self._config
        if self._loop.time() >= self._last:
            return _timed_out(label, "the reply was not finished", config.total_seconds)
        if self._begun:
            return _timed_out(label, "the reply stalled", config.stall_seconds)
        return _timed_out(label, "no reply began", config.first_token_seconds)


def _timed_out(label: str, what: str, seconds: float) -> ModelTimeout:
    return ModelTimeout(f"{label}: {what} within {seconds:g} s")
