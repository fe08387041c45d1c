"""Pausing tasks, and letting them go on."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Depends

from api.auth import Caller, Services, authenticate
from api.routes.responses import errors
from orchestrator.services.views import TaskView

router = APIRouter(prefix="/v1", tags=["tasks"], dependencies=[Depends(authenticate)])


@router.post("/tasks/{task}/pause", responses=errors(404, 409))
async def pause_task(task: UUID, caller: Caller, services: Services) -> TaskView:
    """Let no agent of a task begin anything; calls in flight finish. To pause twice changes nothing."""
    return await services.control.pause(caller, task)


@router.post("/tasks/{task}/resume", responses=errors(404, 409))
async def resume_task(task: UUID, caller: Caller, services: Services) -> TaskView:
    """Let a paused task go on; its deadline moves on by the time it was paused."""
    return await services.control.resume(caller, task)
