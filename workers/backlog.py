"""Messages this process handed to its broker and has not begun: bounded where the broker is the process."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from core.ids import TenantId


@dataclass(frozen=True, kw_only=True)
class Message:
    """A pointer: what is to be done, and on which row."""

    topic: str
    tenant: TenantId
    subject: UUID


class Backlog:
    """All on one event loop.

    A message in the memory of a process is lost with it and can be had by no other, so there are never more
    than keep the process busy; the outbox holds the rest.
    """

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._waiting: Counter[Message] = Counter()
        self._freed = asyncio.Event()

    def add(self, message: Message) -> None:
        self._waiting[message] += 1

    def begun(self, message: Message) -> None:
        if self._waiting[message] > 1:
            self._waiting[message] -= 1
        else:
            del self._waiting[message]
        self._freed.set()

    async def capacity(self) -> int:
        """Wait until a message may be added; returns how many may."""
        while (left := self._limit - self._waiting.total()) <= 0:
            self._freed.clear()
            await self._freed.wait()
        return left

    def left(self) -> list[Message]:
        return list(self._waiting)
