"""The client for code that waits."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import count
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload
from uuid import UUID

import httpx
from pydantic import BaseModel, JsonValue

from treehold import endpoints, memory_endpoints
from treehold.connection import connection
from treehold.endpoints import ApprovalRef, Endpoint, ForkOptions, RunOptions, TaskOptions, TaskRef
from treehold.errors import ApiError, TransportError, from_response
from treehold.following import Following
from treehold.memory import Memory
from treehold.memory_models import Judged
from treehold.models import (
    Approval,
    ApprovalStatus,
    Artifact,
    Call,
    Event,
    Message,
    MessageKind,
    ModelDescription,
    Node,
    Revision,
    Task,
    TaskBudget,
    TaskStatus,
    Tree,
)
from treehold.result import Result, result_of
from treehold.retry import Deadline, Retry, retry_after

T = TypeVar("T")
R = TypeVar("R")
M = TypeVar("M", bound=BaseModel)


class Treehold:
    """Talks to a Treehold server. Close it, or use it as a context manager; threads may share it.

    Every request is one that can be repeated, and is repeated after lost connections and passing failures.

    `memory` has what tasks taught and people noted.

    Args:
        base_url: where the server is; `TREEHOLD_URL` or the local default when not given.
        key: an API key; `TREEHOLD_KEY` when not given.
        timeout: seconds to wait for the parts of one answer.
        retry: how often and after which pauses requests are repeated.
        transport: in place of real connections.

    Raises:
        ConfigurationError: there is no key, or the address is none.
    """

    def __init__(
        self,
        base_url: str | None = None,
        key: str | None = None,
        *,
        timeout: float = 30.0,
        retry: Retry | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        options = connection(base_url, key).client_options(timeout)
        self._http = httpx.Client(**options, transport=transport)
        self._retry = retry or Retry()
        self.memory = Memory(self._send, self._lines)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    @overload
    def submit(self, goal: str, *, output: type[M], **options: Unpack[TaskOptions]) -> Task[M]: ...
    @overload
    def submit(
        self, goal: str, *, output: None = None, **options: Unpack[TaskOptions]
    ) -> Task[JsonValue]: ...
    def submit(
        self, goal: str, *, output: type[BaseModel] | None = None, **options: Unpack[TaskOptions]
    ) -> Task[Any]:
        """Start a task and return at once. `output` is a pydantic model that the result shall be one of."""
        return self._send(endpoints.submit(goal, output, options))

    @overload
    def get(self, task: Task[T]) -> Task[T]: ...
    @overload
    def get(self, task: UUID | str) -> Task[JsonValue]: ...
    def get(self, task: TaskRef) -> Task[Any]:
        """The task as it stands now."""
        return self._send(endpoints.get(task))

    def list(self, *, status: TaskStatus | None = None) -> Iterator[Task[JsonValue]]:
        """All tasks, newest first, read in pages."""
        cursor: str | None = None
        while True:
            page = self._send(endpoints.tasks_page(status, cursor))
            yield from page.data
            cursor = page.next_cursor
            if not page.has_more or cursor is None:
                return

    def tree(self, task: TaskRef, *, revision: int | None = None) -> Tree:
        """A task with its agents and the steps of its plan, as it stands or as it was after a revision."""
        return self._send(endpoints.tree(task, revision))

    def revisions(self, task: TaskRef, *, after: int = 0) -> Iterator[Revision]:
        """How the plan came to be what it is: changes to its steps behind a revision, oldest first."""
        while True:
            page = self._send(endpoints.revisions_page(task, after))
            yield from page.data
            if not page.has_more or not page.data:
                return
            after = page.data[-1].revision

    def budget(self, task: TaskRef) -> TaskBudget:
        """What each agent was granted, and what of it is held, handed on and spent."""
        return self._send(endpoints.budget(task))

    def events(self, task: TaskRef, *, after: int = 0) -> Iterator[Event]:
        """What has happened so far behind event `after`, oldest first, read in pages."""
        while True:
            page = self._send(endpoints.events_page(task, after))
            yield from page.data
            if not page.has_more or not page.data:
                return
            after = page.data[-1].seq

    def stream(self, task: TaskRef, *, after: int = 0) -> Iterator[Event]:
        """Events as they happen, each once and in order, until the task ends.

        Lost connections are opened again. Where the server no longer keeps events, their numbers are missing.

        Raises:
            TransportError: the server cannot be reached any more.
        """
        return self._follow(task, after=after, deadline=Deadline(None))

    @overload
    def wait(self, task: Task[T], *, timeout: float | None = None) -> Result[T]: ...
    @overload
    def wait(self, task: UUID | str, *, timeout: float | None = None) -> Result[JsonValue]: ...
    def wait(self, task: TaskRef, *, timeout: float | None = None) -> Result[Any]:
        """The result, once the task has ended.

        Raises:
            TaskFailed: it ended without an answer.
            OutputMismatch: its output does not fit the model it was submitted with.
            WaitTimeout: it still runs after `timeout` seconds.
        """
        deadline = Deadline(timeout)
        current: Task[Any] = self._send(endpoints.get(task))
        if not current.finished:
            for _ in self._follow(current, after=current.last_event, deadline=deadline):
                pass
            current = self._send(endpoints.get(current))
        return result_of(current)

    @overload
    def run(self, goal: str, *, output: type[M], **options: Unpack[RunOptions]) -> Result[M]: ...
    @overload
    def run(self, goal: str, *, output: None = None, **options: Unpack[RunOptions]) -> Result[JsonValue]: ...
    def run(
        self, goal: str, *, output: type[BaseModel] | None = None, **options: Unpack[RunOptions]
    ) -> Result[Any]:
        """`submit`, then `wait`."""
        task = self._send(endpoints.submit(goal, output, options))
        return self.wait(task, timeout=options.get("timeout"))

    @overload
    def cancel(self, task: Task[T]) -> Task[T]: ...
    @overload
    def cancel(self, task: UUID | str) -> Task[JsonValue]: ...
    def cancel(self, task: TaskRef) -> Task[Any]:
        """Stop a task and all its agents. To cancel what has ended changes nothing."""
        return self._send(endpoints.cancel(task))

    @overload
    def fork(self, task: Task[T], **options: Unpack[ForkOptions]) -> Task[T]: ...
    @overload
    def fork(self, task: UUID | str, **options: Unpack[ForkOptions]) -> Task[JsonValue]: ...
    def fork(self, task: TaskRef, **options: Unpack[ForkOptions]) -> Task[Any]:
        """Start a new task with what this one recorded up to an event, and return at once.

        None of that is done again; what follows runs anew.
        """
        return self._send(endpoints.fork(task, options))

    @overload
    def pause(self, task: Task[T]) -> Task[T]: ...
    @overload
    def pause(self, task: UUID | str) -> Task[JsonValue]: ...
    def pause(self, task: TaskRef) -> Task[Any]:
        """Let no agent of a task begin anything until it is resumed; calls in flight finish."""
        return self._send(endpoints.pause(task))

    @overload
    def resume(self, task: Task[T]) -> Task[T]: ...
    @overload
    def resume(self, task: UUID | str) -> Task[JsonValue]: ...
    def resume(self, task: TaskRef) -> Task[Any]:
        """Let a paused task go on; its deadline moves on by the time it was paused."""
        return self._send(endpoints.resume(task))

    def approvals(
        self, *, status: ApprovalStatus | None = None, task: TaskRef | None = None
    ) -> Iterator[Approval]:
        """Calls that wait for a person, or did, newest first, read in pages; of one task, if it is given."""
        cursor: str | None = None
        while True:
            page = self._send(endpoints.approvals_page(status, task, cursor))
            yield from page.data
            cursor = page.next_cursor
            if not page.has_more or cursor is None:
                return

    def approval(self, approval: ApprovalRef) -> Approval:
        """One approval: what is to run, and the evidence."""
        return self._send(endpoints.approval(approval))

    def approve(
        self,
        approval: ApprovalRef,
        *,
        arguments: Mapping[str, JsonValue] | None = None,
        note: str | None = None,
    ) -> Approval:
        """Let the call run, with other arguments if they are given; the agent reads the note.

        Raises:
            Conflict: it was decided otherwise.
            InvalidRequest: the call could not run with these arguments.
        """
        return self._send(endpoints.approve(approval, arguments, note))

    def deny(self, approval: ApprovalRef, *, note: str | None = None) -> Approval:
        """Do not let the call run; the agent reads the note.

        Raises:
            Conflict: it was decided otherwise.
        """
        return self._send(endpoints.deny(approval, note))

    def send(
        self,
        task: TaskRef,
        kind: MessageKind,
        text: str = "",
        *,
        node: Node | UUID | str | None = None,
        idempotency_key: str | None = None,
    ) -> Message:
        """Steer a task while it runs: `add` a step, `revise` or `retract` one, or `ask` how the work stands.

        With `say`, your words are turned into such changes; where it is not clear which step you mean, the
        message's reply asks, and nothing changes. The message is kept, and takes effect once, in the order of
        its number. `node` is the step it is about, by its key or id in the tree; without one, the task as a
        whole.

        Raises:
            Conflict: the task has ended.
            NotFound: it has no such step.
        """
        return self._send(endpoints.send(task, kind, text, node, idempotency_key))

    def messages(self, task: TaskRef) -> tuple[Message, ...]:
        """What the task was told, in order, and what came of it."""
        return self._send(endpoints.messages(task))

    def feedback(self, task: TaskRef, score: float, *, note: str | None = None) -> Judged:
        """Say how good a task's result is, from 0 (worthless) to 1 (just right); your next word replaces it.

        Memory credits what the task was shown with it.

        Raises:
            Conflict: the task still runs.
        """
        return self._send(memory_endpoints.judge(task, score, note))

    def calls(self, task: TaskRef, *, agent: UUID | str | None = None) -> tuple[Call, ...]:
        """What the agents of a task, or one of them, asked; without the contents."""
        return self._send(endpoints.calls(task, agent))

    def call(self, task: TaskRef, call: UUID | str) -> Call:
        """One call, with the whole request and what came of it."""
        return self._send(endpoints.call(task, call))

    def artifacts(self, task: TaskRef) -> tuple[Artifact, ...]:
        """What the agents of a task stored."""
        return self._send(endpoints.artifacts(task))

    def download(self, artifact: Artifact | UUID | str) -> bytes:
        """The bytes of an artifact. They come from agents: do not trust them."""
        return self._send(endpoints.download(artifact))

    def model(self) -> ModelDescription:
        """Which model answers on the server."""
        return self._send(endpoints.model())

    def _send(self, endpoint: Endpoint[R]) -> R:
        for attempt in count(1):
            try:
                response = self._http.request(**endpoint.request())
            except httpx.TransportError as error:
                pause = self._retry.pause(attempt)
                if pause is None:
                    raise TransportError(f"{self._http.base_url} does not answer: {error}") from error
            else:
                if response.is_success:
                    return endpoint.read(response)
                pause = self._retry.pause_for(response, attempt)
                if pause is None:
                    raise from_response(response, retry_after=retry_after(response))
            time.sleep(pause)
        raise AssertionError("count has no end")

    def _lines(self, request: dict[str, Any]) -> Iterator[str]:
        """A long answer line by line. It is not begun again once a line has come."""
        try:
            with self._http.stream(**request) as response:
                if not response.is_success:
                    response.read()
                    raise from_response(response, retry_after=retry_after(response))
                yield from response.iter_lines()
        except httpx.TransportError as error:
            raise TransportError(f"{self._http.base_url} does not answer: {error}") from error

    def _follow(self, task: TaskRef, *, after: int, deadline: Deadline) -> Iterator[Event]:
        following = Following(endpoints.task_id(task), after=after, retry=self._retry, deadline=deadline)
        while not following.finished:
            error: Exception | None = None
            try:
                with self._http.stream(**following.opening()) as response:
                    if not response.is_success:
                        response.read()
                        raise following.refused(response)
                    for piece in response.iter_bytes():
                        yield from following.take(piece)
                        if following.finished or following.due:
                            break
            except (httpx.TransportError, ApiError) as caught:
                error = caught
            if following.finished:
                return
            if error is None and following.silent and self._is_over(task, following.after):
                return
            time.sleep(following.pause(error))

    def _is_over(self, task: TaskRef, after: int) -> bool:
        current: Task[Any] = self._send(endpoints.get(task))
        return current.finished and current.last_event <= after
