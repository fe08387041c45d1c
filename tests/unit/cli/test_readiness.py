from __future__ import annotations

import asyncio

import pytest

from cli import readiness
from cli.readiness import Readiness
from core.errors import StorageError


async def well() -> None:
    """Answers."""


async def refused() -> None:
    raise StorageError("canary: db.internal refused")


async def silent() -> None:
    await asyncio.Event().wait()


async def test_each_part_is_named_and_one_that_is_silent_delays_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(readiness, "CHECK_SECONDS", 0.01)
    ready = Readiness({"postgres": refused, "broker": silent, "index": well})
    ready.hear("workers", lambda: "starting")
    assert dict(await ready()) == {
        "postgres": "does not answer",
        "broker": "does not answer",
        "index": "ok",
        "workers": "starting",
    }


async def test_however_many_ask_a_part_is_asked_once() -> None:
    asked: list[str] = []

    async def count() -> None:
        asked.append("once")

    ready = Readiness({"postgres": count})
    await asyncio.gather(*(ready() for _ in range(50)))
    assert asked == ["once"]
