"""Feedback: what people make of a task's result. Memory credits what the task was shown with it."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Depends

from api.auth import Caller, Services, authenticate
from api.body import json_object
from api.routes.responses import errors
from orchestrator.services.memory_views import Feedback, Judged

router = APIRouter(prefix="/v1", tags=["tasks"], dependencies=[Depends(authenticate)])


@router.post(
    "/tasks/{task}/feedback",
    dependencies=[Depends(json_object)],
    responses=errors(404, 409, 413, 415, 422),
)
async def judge_task(task: UUID, given: Feedback, caller: Caller, services: Services) -> Judged:
    """Say how good a task's result is. It counts in place of what the platform makes of it.

    Each key has one say, and may change it.
    """
    return await services.memories.judge(caller, task, given)
