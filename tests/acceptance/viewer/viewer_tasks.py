"""Scripted tasks behind the port of the real API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

from viewer_server import Show, ViewerServer

from core.errors import AccessDenied, NotFound
from core.ids import TenantId
from orchestrator.services.ports import Submitted
from orchestrator.services.principal import Principal
from orchestrator.services.views import (
    ArtifactView,
    BudgetView,
    CallView,
    EventView,
    ForkRequest,
    Page,
    RevisionView,
    Submission,
    TaskStatus,
    TaskView,
    TreeView,
)

KEY = "a-key-for-tests"
OPERATOR = Principal(tenant=TenantId(uuid4()), key=uuid4(), name="operator", scopes=frozenset({"admin"}))


class OneKey:
    async def authenticate(self, secret: str) -> Principal:
        if secret != KEY:
            raise AccessDenied("unknown key")
        return OPERATOR


class ScriptedTasks:
    """Reads and cancels what a server plays; takes no new tasks."""

    def __init__(self, server: ViewerServer) -> None:
        self._server = server

    def _show(self, task: UUID) -> Show:
        show = self._server.shows.get(str(task))
        if show is None:
            raise NotFound("no such task")
        return show

    async def submit(
        self, principal: Principal, submission: Submission, *, idempotency_key: str | None
    ) -> Submitted:
        raise AccessDenied("scripted tasks are not submitted")

    async def fork(
        self, principal: Principal, task: UUID, wanted: ForkRequest, *, idempotency_key: str | None
    ) -> Submitted:
        raise AccessDenied("scripted tasks are not forked")

    async def get(self, principal: Principal, task: UUID) -> TaskView:
        return TaskView.model_validate(self._show(task).task())

    async def list(
        self, principal: Principal, *, status: TaskStatus | None, limit: int, cursor: str | None
    ) -> Page[TaskView]:
        found = [TaskView.model_validate(show.task()) for show in self._server.shows.values()]
        wanted = tuple(task for task in found if status is None or task.status == status)
        return Page[TaskView](data=wanted[:limit], next_cursor=None, has_more=False)

    async def tree(self, principal: Principal, task: UUID, *, revision: int | None = None) -> TreeView:
        return TreeView.model_validate(self._show(task).tree())

    async def cancel(self, principal: Principal, task: UUID) -> TaskView:
        self._show(task).cancelled = True
        return await self.get(principal, task)

    async def events(self, principal: Principal, task: UUID, *, after: int, limit: int) -> list[EventView]:
        return [EventView.model_validate(event) for event in self._show(task).events[after:][:limit]]

    async def follow(self, principal: Principal, task: UUID, *, after: int) -> AsyncIterator[EventView]:
        show = self._show(task)
        while True:
            await show.beyond(after, show.generation)
            for event in show.events[after:]:
                yield EventView.model_validate(event)
            after = show.published
            if show.finished:
                return

    async def call(self, principal: Principal, task: UUID, call: UUID) -> CallView:
        return CallView.model_validate(self._show(task).script.calls[str(call)])

    async def calls(self, principal: Principal, task: UUID, agent: UUID | None) -> list[CallView]:
        return [CallView.model_validate(call) for call in self._show(task).script.calls.values()]

    async def revisions(
        self, principal: Principal, task: UUID, *, after: int, limit: int
    ) -> list[RevisionView]:
        raise NotImplementedError("the viewer does not ask for it")

    async def budget(self, principal: Principal, task: UUID) -> BudgetView:
        raise NotImplementedError("the viewer does not ask for it")

    async def artifacts(self, principal: Principal, task: UUID) -> list[ArtifactView]:
        return [ArtifactView.model_validate(artifact) for artifact in self._show(task).script.artifacts]

    async def artifact(self, principal: Principal, artifact: UUID) -> tuple[ArtifactView, bytes]:
        view = ArtifactView(
            id=artifact,
            task=uuid4(),
            agent=None,
            name="findings.csv",
            media_type="text/csv",
            size=8,
            sha256="0" * 64,
            tainted=True,
            created_at=datetime.now(UTC),
        )
        return view, b"a,b\n1,2\n"
