from __future__ import annotations

import json
from typing import Any

import pytest

from sdk.tests.server import HASTY, TASK, event
from treehold import ApiError, TransportError, WaitTimeout
from treehold.following import Following
from treehold.retry import Deadline, Retry


def following(after: int = 0, seconds: float | None = None, retry: Retry = HASTY) -> Following:
    found = Following(TASK, after=after, retry=retry, deadline=Deadline(seconds))
    found.opening()
    return found


def message(body: Any, kind: str = "agent.started") -> bytes:
    return f"event: {kind}\ndata: {json.dumps(body)}\n\n".encode()


def test_each_event_is_taken_once() -> None:
    follower = following()
    assert [each.seq for each in follower.take(message(event(1)) + message(event(2)))] == [1, 2]
    assert [each.seq for each in follower.take(message(event(2)) + message(event(3)))] == [3]
    assert (follower.after, follower.finished) == (3, False)


def test_the_next_connection_resumes() -> None:
    follower = following()
    follower.take(message(event(5)) + b"data: {half")
    request = follower.opening()
    assert request["headers"]["Last-Event-ID"] == "5"
    assert [each.seq for each in follower.take(message(event(6)))] == [6]


@pytest.mark.parametrize(("after", "first"), [(3, 8), (50, 1)])
def test_behind_a_gap_it_goes_on_where_the_server_does(after: int, first: int) -> None:
    follower = following(after)
    events = message({"after": after, "first": first}, "gap") + message(event(first))
    assert [each.seq for each in follower.take(events)] == [first]


def test_the_terminal_event_is_the_end() -> None:
    follower = following()
    follower.take(message(event(1, "task.finished"), "task.finished"))
    assert follower.finished


@pytest.mark.parametrize("body", ["x", {}, {"seq": 1}])
def test_what_is_no_event_is_an_error(body: object) -> None:
    with pytest.raises(TransportError):
        following().take(message(body))
    with pytest.raises(TransportError):
        following().take(message(body, "gap"))


def test_it_gives_up_after_failures_that_brought_nothing() -> None:
    follower, error = following(), ConnectionError("gone")
    for _ in range(HASTY.attempts - 1):
        assert follower.pause(error) == 0.0
        follower.opening()
    with pytest.raises(TransportError, match="gone"):
        follower.pause(error)


def test_progress_starts_the_count_again() -> None:
    follower = following()
    for seq in range(1, 10):
        follower.take(message(event(seq)))
        assert follower.pause(ConnectionError("gone")) == 0.0
        follower.opening()


def test_a_refusal_is_final_unless_it_passes() -> None:
    gone = ApiError("no", status=404, code="not_found", problem={})
    with pytest.raises(ApiError):
        following().pause(gone)
    passing = ApiError("no", status=503, code="storage_unavailable", problem={"retryable": True})
    assert following().pause(passing) == 0.0


def test_after_the_deadline_nothing_is_opened() -> None:
    follower = following(seconds=0.0001)
    while not follower.due:
        pass
    with pytest.raises(WaitTimeout):
        follower.opening()
    with pytest.raises(WaitTimeout):
        follower.pause(None)
