"""Waiting for what other processes do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

LOOK_SECONDS = 0.1


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Look again and again until it is so."""
    while True:
        if await condition():
            return
        await asyncio.sleep(LOOK_SECONDS)
