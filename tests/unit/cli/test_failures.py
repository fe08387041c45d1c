from __future__ import annotations

import pytest

import treehold
from cli import exits
from cli.failures import explained
from sdk.tests.server import Server, problem

FULL = "the queue is full: 5,000 tasks of yours are not finished, and 5,000 may be"


def test_a_full_queue_is_said_in_a_sentence() -> None:
    """The client has been patient before: it waits as long as it is told to, a few times."""
    server = Server(problem(429, "queue_full", {"Retry-After": "0"}, detail=FULL, retryable=True))
    with pytest.raises(treehold.RateLimited) as refused:
        server.client().submit("Why?")
    assert len(server.requests) == 3
    assert explained(refused.value) == (FULL, exits.NOT_DONE)
