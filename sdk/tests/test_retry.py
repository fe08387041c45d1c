from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from treehold import Retry
from treehold.retry import Deadline, retry_after


def test_pauses_grow_up_to_the_longest_and_end() -> None:
    retry = Retry(attempts=6, first_pause=1.0, longest_pause=4.0)
    pauses = [retry.pause(attempt) for attempt in range(1, 7)]
    for pause, most in zip(pauses, [1.0, 2.0, 4.0, 4.0, 4.0], strict=False):
        assert pause is not None
        assert most / 2 <= pause <= most
    assert pauses[-1] is None


def test_the_server_is_waited_for_if_it_does_not_ask_too_much() -> None:
    assert Retry().pause(1, asked=30.0) == 30.0
    assert Retry().pause(1, asked=3600.0) is None


@pytest.mark.parametrize(("status", "again"), [(429, True), (503, True), (500, False), (404, False)])
def test_only_passing_failures_are_tried_again(status: int, again: bool) -> None:
    assert (Retry().pause_for(httpx.Response(status), 1) is not None) is again


@pytest.mark.parametrize(("value", "seconds"), [("7", 7.0), ("soon", None), ("", None), ("-1", None)])
def test_seconds_to_wait_are_read(value: str, seconds: float | None) -> None:
    assert retry_after(httpx.Response(503, headers={"Retry-After": value})) == seconds


def test_a_moment_to_wait_for_is_read() -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    found = retry_after(httpx.Response(503, headers={"Retry-After": then}))
    assert found is not None
    assert 50 < found <= 60


def test_deadlines() -> None:
    assert not Deadline(None).passed
    assert Deadline(0.0).passed
    assert 0 < Deadline(10.0).left <= 10
