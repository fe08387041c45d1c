"""What `/readyz` tells: whether each part this process stands on answers, asked anew."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from api.ports import OK
from core.errors import TreeholdError

log = logging.getLogger(__name__)

CHECK_SECONDS = 3.0
FRESH_SECONDS = 1.0
"""However many ask, the parts are not asked oftener."""

SILENT = "does not answer"

Check = Callable[[], Awaitable[object]]
State = Callable[[], str]


class Readiness:
    """`api.ports.Ready`: asks services, and hears parts of this process."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._states: dict[str, State] = {}
        self._found: dict[str, str] = {}
        self._fresh_until = 0.0
        self._asking = asyncio.Lock()

    def hear(self, part: str, state: State) -> None:
        self._states[part] = state

    async def __call__(self) -> Mapping[str, str]:
        async with self._asking:
            if time.monotonic() >= self._fresh_until:
                answers = await asyncio.gather(*(_state(part, ask) for part, ask in self._checks.items()))
                self._found = dict(zip(self._checks, answers, strict=True))
                self._fresh_until = time.monotonic() + FRESH_SECONDS
        return {**self._found, **{part: state() for part, state in self._states.items()}}


async def _state(part: str, check: Check) -> str:
    """In words that an anonymous caller may read; the reason goes to the log."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except (TimeoutError, TreeholdError) as error:
        log.warning("part.silent", extra={"part": part, "reason": str(error) or "timeout"})
        return SILENT
    return OK
