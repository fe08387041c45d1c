"""Forks: a new task that takes what another one recorded, up to one of its events."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Depends, Response, status

from api.auth import Caller, Services, authenticate
from api.body import json_object_or_none
from api.routes.responses import errors
from api.routes.tasks import IdempotencyKey
from orchestrator.services.views import ForkRequest, TaskView

router = APIRouter(prefix="/v1", tags=["tasks"], dependencies=[Depends(authenticate)])


@router.post(
    "/tasks/{task}/fork",
    status_code=status.HTTP_201_CREATED,
    response_model=TaskView,
    dependencies=[Depends(json_object_or_none)],
    responses=errors(404, 409, 413, 415, 422)
    | {200: {"model": TaskView, "description": "The task an earlier request with this key made."}},
)
async def fork_task(
    task: UUID,
    caller: Caller,
    services: Services,
    response: Response,
    wanted: ForkRequest | None = None,
    idempotency_key: IdempotencyKey = None,
) -> TaskView:
    """Begin a new task with what this one recorded up to an event: none of that is done again.

    What follows the event runs anew, on the server's present model. Any task can be forked: one that runs, is
    done, failed or was cancelled.
    """
    forked = await services.forks.fork(caller, task, wanted or ForkRequest(), idempotency_key=idempotency_key)
    response.headers["Location"] = f"/v1/tasks/{forked.task.id}"
    if forked.replayed:
        response.status_code = status.HTTP_200_OK
        response.headers["Idempotency-Replayed"] = "true"
    return forked.task
