"""Following a task's events across lost connections: all but the connections themselves."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
from pydantic import ValidationError

from treehold.connection import CONNECT_SECONDS
from treehold.errors import ApiError, RateLimited, TransportError, WaitTimeout, from_response
from treehold.event_stream import EventStreamParser, Message
from treehold.models import Event
from treehold.retry import Deadline, Retry, retry_after

TERMINAL = "task.finished"
STALL_SECONDS = 60.0
"""The server sends something every 15 seconds; a connection this silent is dead."""
TOLERANCE = 1.0
"""How many seconds late a deadline may be noticed."""


class Following:
    """Where one follower stands.

    Attributes:
        after: the number of the last event taken.
        finished: whether that event was the task's last.
    """

    def __init__(self, task_id: str, *, after: int, retry: Retry, deadline: Deadline) -> None:
        self.after = after
        self.finished = False
        self._task_id = task_id
        self._retry = replace(retry, attempts=retry.reconnects)
        self._deadline = deadline
        self._opened_at = after
        self._failures = 0
        self._read_timeout = STALL_SECONDS
        self._parser = EventStreamParser()

    def opening(self) -> dict[str, Any]:
        """Arguments of the request that opens the next connection.

        Raises:
            WaitTimeout: the deadline has passed.
        """
        self._check_deadline()
        self._parser = EventStreamParser()
        self._opened_at = self.after
        self._read_timeout = min(STALL_SECONDS, self._deadline.left)
        return {
            "method": "GET",
            "url": f"/v1/tasks/{self._task_id}/events",
            "headers": {"Accept": "text/event-stream", "Last-Event-ID": str(self.after)},
            "timeout": httpx.Timeout(self._read_timeout, connect=min(CONNECT_SECONDS, self._read_timeout)),
        }

    def take(self, piece: bytes) -> list[Event]:
        """The events in a piece of the stream.

        Raises:
            TransportError: what came is not an event.
        """
        found: list[Event] = []
        for message in self._parser.feed(piece):
            if message.event == "gap":
                self.after = _first_after_gap(message) - 1
                continue
            event = _event(message)
            if event.seq <= self.after:
                continue
            self.after = event.seq
            self.finished = event.kind == TERMINAL
            found.append(event)
        return found

    @property
    def due(self) -> bool:
        """Whether the deadline has passed, or the connection's read timeout would notice it too late."""
        return self._deadline.passed or self._read_timeout > self._deadline.left + TOLERANCE

    @property
    def silent(self) -> bool:
        """Whether the last connection brought nothing: the task may have ended before this place."""
        return self.after == self._opened_at

    def refused(self, response: httpx.Response) -> ApiError:
        """The error of an answer, already read, that is not a stream."""
        return from_response(response, retry_after=retry_after(response))

    def pause(self, error: Exception | None) -> float:
        """Seconds to wait before opening the next connection, after the last one ended or failed.

        Raises:
            ApiError: the server refuses for good.
            TransportError: too many attempts in a row brought nothing.
            WaitTimeout: the deadline has passed.
        """
        self._check_deadline()
        if isinstance(error, ApiError) and not error.retryable and not isinstance(error, RateLimited):
            raise error
        if self.due or (error is None and not self.silent):
            self._failures = 0
            return 0.0
        self._failures = self._failures + 1 if self.silent else 1
        asked = error.retry_after if isinstance(error, RateLimited) else None
        pause = self._retry.pause(self._failures, asked=asked)
        if pause is None and isinstance(error, ApiError):
            raise error
        if pause is None and error is not None:
            raise TransportError(
                f"lost the events of task {self._task_id}: {error}; the task goes on when its server does"
            ) from error
        return min(self._deadline.left, self._retry.longest_pause if pause is None else pause)

    def _check_deadline(self) -> None:
        if self._deadline.passed:
            raise WaitTimeout(self._task_id)


def _event(message: Message) -> Event:
    try:
        return Event.model_validate_json(message.data)
    except ValidationError as error:
        raise TransportError(f"the server sent an event that is none: {error}") from error


def _first_after_gap(message: Message) -> int:
    try:
        return int(json.loads(message.data)["first"])
    except (ValueError, TypeError, KeyError) as error:
        raise TransportError("the server sent a gap without an end") from error
