"""The client for code on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from itertools import count
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack, overload
from uuid import UUID

import httpx
from pydantic import BaseModel, JsonValue

from treehold import endpoints, memory_endpoints
from treehold.async_memory import AsyncMemory
from treehold.connection import connection
from treehold.endpoints import ApprovalRef, Endpoint, ForkOptions, RunOptions, TaskOptions, TaskRef
from treehold.errors import ApiError, TransportError, from_response
from treehold.following import Following
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


class AsyncTreehold:
    """As `Treehold`, with the same arguments, methods and errors, to be awaited."""

    def __init__(
        self,
        base_url: str | None = None,
        key: str | None = None,
        *,
        timeout: float = 30.0,
        retry: Retry | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        options = connection(base_url, key).client_options(timeout)
        self._http = httpx.AsyncClient(**options, transport=transport)
        self._retry = retry or Retry()
        self.memory = AsyncMemory(self._send, self._lines)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    @overload
    async def submit(self, goal: str, *, output: type[M], **options: Unpack[TaskOptions]) -> Task[M]: ...
    @overload
    async def submit(
        self, goal: str, *, output: None = None, **options: Unpack[TaskOptions]
    ) -> Task[JsonValue]: ...
    async def submit(
        self, goal: str, *, output: type[BaseModel] | None = None, **options: Unpack[TaskOptions]
    ) -> Task[Any]:
        """See `Treehold.submit`."""
        return await self._send(endpoints.submit(goal, output, options))

    @overload
    async def get(self, task: Task[T]) -> Task[T]: ...
    @overload
    async def get(self, task: UUID | str) -> Task[JsonValue]: ...
    async def get(self, task: TaskRef) -> Task[Any]:
        """See `Treehold.get`."""
        return await self._send(endpoints.get(task))

    async def list(self, *, status: TaskStatus | None = None) -> AsyncIterator[Task[JsonValue]]:
        """See `Treehold.list`."""
        cursor: str | None = None
        while True:
            page = await self._send(endpoints.tasks_page(status, cursor))
            for task in page.data:
                yield task
            cursor = page.next_cursor
            if not page.has_more or cursor is None:
                return

    async def tree(self, task: TaskRef, *, revision: int | None = None) -> Tree:
        """See `Treehold.tree`."""
        return await self._send(endpoints.tree(task, revision))

    async def revisions(self, task: TaskRef, *, after: int = 0) -> AsyncIterator[Revision]:
        """See `Treehold.revisions`."""
        while True:
            page = await self._send(endpoints.revisions_page(task, after))
            for revision in page.data:
                yield revision
            if not page.has_more or not page.data:
                return
            after = page.data[-1].revision

    async def budget(self, task: TaskRef) -> TaskBudget:
        """See `Treehold.budget`."""
        return await self._send(endpoints.budget(task))

    async def events(self, task: TaskRef, *, after: int = 0) -> AsyncIterator[Event]:
        """See `Treehold.events`."""
        while True:
            page = await self._send(endpoints.events_page(task, after))
            for event in page.data:
                yield event
            if not page.has_more or not page.data:
                return
            after = page.data[-1].seq

    def stream(self, task: TaskRef, *, after: int = 0) -> AsyncIterator[Event]:
        """See `Treehold.stream`."""
        return self._follow(task, after=after, deadline=Deadline(None))

    @overload
    async def wait(self, task: Task[T], *, timeout: float | None = None) -> Result[T]: ...  # noqa: ASYNC109 - as in Treehold
    @overload
    async def wait(self, task: UUID | str, *, timeout: float | None = None) -> Result[JsonValue]: ...  # noqa: ASYNC109 - as in Treehold
    async def wait(self, task: TaskRef, *, timeout: float | None = None) -> Result[Any]:  # noqa: ASYNC109 - as in Treehold
        """See `Treehold.wait`."""
        deadline = Deadline(timeout)
        current: Task[Any] = await self._send(endpoints.get(task))
        if not current.finished:
            async for _ in self._follow(current, after=current.last_event, deadline=deadline):
                pass
            current = await self._send(endpoints.get(current))
        return result_of(current)

    @overload
    async def run(self, goal: str, *, output: type[M], **options: Unpack[RunOptions]) -> Result[M]: ...
    @overload
    async def run(
        self, goal: str, *, output: None = None, **options: Unpack[RunOptions]
    ) -> Result[JsonValue]: ...
    async def run(
        self, goal: str, *, output: type[BaseModel] | None = None, **options: Unpack[RunOptions]
    ) -> Result[Any]:
        """See `Treehold.run`."""
        task = await self._send(endpoints.submit(goal, output, options))
        return await self.wait(task, timeout=options.get("timeout"))

    @overload
    async def cancel(self, task: Task[T]) -> Task[T]: ...
    @overload
    async def cancel(self, task: UUID | str) -> Task[JsonValue]: ...
    async def cancel(self, task: TaskRef) -> Task[Any]:
        """See `Treehold.cancel`."""
        return await self._send(endpoints.cancel(task))

    @overload
    async def fork(self, task: Task[T], **options: Unpack[ForkOptions]) -> Task[T]: ...
    @overload
    async def fork(self, task: UUID | str, **options: Unpack[ForkOptions]) -> Task[JsonValue]: ...
    async def fork(self, task: TaskRef, **options: Unpack[ForkOptions]) -> Task[Any]:
        """See `Treehold.fork`."""
        return await self._send(endpoints.fork(task, options))

    @overload
    async def pause(self, task: Task[T]) -> Task[T]: ...
    @overload
    async def pause(self, task: UUID | str) -> Task[JsonValue]: ...
    async def pause(self, task: TaskRef) -> Task[Any]:
        """See `Treehold.pause`."""
        return await self._send(endpoints.pause(task))

    @overload
    async def resume(self, task: Task[T]) -> Task[T]: ...
    @overload
    async def resume(self, task: UUID | str) -> Task[JsonValue]: ...
    async def resume(self, task: TaskRef) -> Task[Any]:
        """See `Treehold.resume`."""
        return await self._send(endpoints.resume(task))

    async def approvals(
        self, *, status: ApprovalStatus | None = None, task: TaskRef | None = None
    ) -> AsyncIterator[Approval]:
        """See `Treehold.approvals`."""
        cursor: str | None = None
        while True:
            page = await self._send(endpoints.approvals_page(status, task, cursor))
            for approval in page.data:
                yield approval
            cursor = page.next_cursor
            if not page.has_more or cursor is None:
                return

    async def approval(self, approval: ApprovalRef) -> Approval:
        """See `Treehold.approval`."""
        return await self._send(endpoints.approval(approval))

    async def approve(
        self,
        approval: ApprovalRef,
        *,
        arguments: Mapping[str, JsonValue] | None = None,
        note: str | None = None,
    ) -> Approval:
        """See `Treehold.approve`."""
        return await self._send(endpoints.approve(approval, arguments, note))

    async def deny(self, approval: ApprovalRef, *, note: str | None = None) -> Approval:
        """See `Treehold.deny`."""
        return await self._send(endpoints.deny(approval, note))

    async def send(
        self,
        task: TaskRef,
        kind: MessageKind,
        text: str = "",
        *,
        node: Node | UUID | str | None = None,
        idempotency_key: str | None = None,
    ) -> Message:
        """See `Treehold.send`."""
        return await self._send(endpoints.send(task, kind, text, node, idempotency_key))

    async def messages(self, task: TaskRef) -> tuple[Message, ...]:
        """See `Treehold.messages`."""
        return await self._send(endpoints.messages(task))

    async def feedback(self, task: TaskRef, score: float, *, note: str | None = None) -> Judged:
        """See `Treehold.feedback`."""
        return await self._send(memory_endpoints.judge(task, score, note))

    async def calls(self, task: TaskRef, *, agent: UUID | str | None = None) -> tuple[Call, ...]:
        """See `Treehold.calls`."""
        return await self._send(endpoints.calls(task, agent))

    async def call(self, task: TaskRef, call: UUID | str) -> Call:
        """See `Treehold.call`."""
        return await self._send(endpoints.call(task, call))

    async def artifacts(self, task: TaskRef) -> tuple[Artifact, ...]:
        """See `Treehold.artifacts`."""
        return await self._send(endpoints.artifacts(task))

    async def download(self, artifact: Artifact | UUID | str) -> bytes:
        """See `Treehold.download`."""
        return await self._send(endpoints.download(artifact))

    async def model(self) -> ModelDescription:
        """See `Treehold.model`."""
        return await self._send(endpoints.model())

    async def _send(self, endpoint: Endpoint[R]) -> R:
        for attempt in count(1):
            try:
                response = await self._http.request(**endpoint.request())
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
            await asyncio.sleep(pause)
        raise AssertionError("count has no end")

    async def _lines(self, request: dict[str, Any]) -> AsyncIterator[str]:
        try:
            async with self._http.stream(**request) as response:
                if not response.is_success:
                    await response.aread()
                    raise from_response(response, retry_after=retry_after(response))
                async for line in response.aiter_lines():
                    yield line
        except httpx.TransportError as error:
            raise TransportError(f"{self._http.base_url} does not answer: {error}") from error

    async def _follow(self, task: TaskRef, *, after: int, deadline: Deadline) -> AsyncIterator[Event]:
        following = Following(endpoints.task_id(task), after=after, retry=self._retry, deadline=deadline)
        while not following.finished:
            error: Exception | None = None
            try:
                async with self._http.stream(**following.opening()) as response:
                    if not response.is_success:
                        await response.aread()
                        raise following.refused(response)
                    async for piece in response.aiter_bytes():
                        for event in following.take(piece):
                            yield event
                        if following.finished or following.due:
                            break
            except (httpx.TransportError, ApiError) as caught:
                error = caught
            if following.finished:
                return
            if error is None and following.silent and await self._is_over(task, following.after):
                return
            await asyncio.sleep(following.pause(error))

    async def _is_over(self, task: TaskRef, after: int) -> bool:
        current: Task[Any] = await self._send(endpoints.get(task))
        return current.finished and current.last_event <= after
