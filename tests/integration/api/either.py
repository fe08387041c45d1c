"""One face for both of the SDK's clients, so that each test runs against both."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from treehold import AsyncTreehold, Event, Treehold


class Either(Protocol):
    async def call(self, method: str, *args: Any, **options: Any) -> Any: ...

    async def collect(self, method: str, *args: Any, **options: Any) -> list[Any]: ...

    async def first_event(self, task: Any) -> Event:
        """Follows a task until its first event, and then leaves."""
        ...


class Blocking:
    def __init__(self, client: Treehold) -> None:
        self._client = client

    async def call(self, method: str, *args: Any, **options: Any) -> Any:
        return await asyncio.to_thread(getattr(self._client, method), *args, **options)

    async def collect(self, method: str, *args: Any, **options: Any) -> list[Any]:
        return await asyncio.to_thread(lambda: list(getattr(self._client, method)(*args, **options)))

    async def first_event(self, task: Any) -> Event:
        return await asyncio.to_thread(lambda: next(self._client.stream(task)))


class NonBlocking:
    def __init__(self, client: AsyncTreehold) -> None:
        self._client = client

    async def call(self, method: str, *args: Any, **options: Any) -> Any:
        return await getattr(self._client, method)(*args, **options)

    async def collect(self, method: str, *args: Any, **options: Any) -> list[Any]:
        return [each async for each in getattr(self._client, method)(*args, **options)]

    async def first_event(self, task: Any) -> Event:
        return await anext(aiter(self._client.stream(task)))
