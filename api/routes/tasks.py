"""Tasks: submit, list, look, cancel; and the journal of what their agents asked."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Response, status

from api.auth import Caller, Services, authenticate
from api.body import json_object
from api.routes.responses import errors
from api.wire import Listing
from orchestrator.services.views import (
    BudgetView,
    CallView,
    ModelDescription,
    Page,
    RevisionView,
    Submission,
    TaskStatus,
    TaskView,
    TreeView,
)

router = APIRouter(prefix="/v1", tags=["tasks"], dependencies=[Depends(authenticate)])

MOST_REVISIONS = 2**31 - 2
REVISIONS_PAGE = 500

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Any unique text. The same key and body again give the same task, not another one.",
    ),
]


@router.post(
    "/tasks",
    status_code=status.HTTP_201_CREATED,
    response_model=TaskView,
    dependencies=[Depends(json_object)],
    responses=errors(409, 413, 415, 422, 429)
    | {200: {"model": TaskView, "description": "The task an earlier request with this key made."}},
)
async def submit_task(
    submission: Submission,
    caller: Caller,
    services: Services,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> TaskView:
    """Submit a task. It runs whether or not anyone waits for it.

    Where too many tasks are unfinished already, 429 says after how many seconds to try again.
    """
    submitted = await services.tasks.submit(caller, submission, idempotency_key=idempotency_key)
    response.headers["Location"] = f"/v1/tasks/{submitted.task.id}"
    if submitted.replayed:
        response.status_code = status.HTTP_200_OK
        response.headers["Idempotency-Replayed"] = "true"
    return submitted.task


@router.get("/tasks", responses=errors(422))
async def list_tasks(
    caller: Caller,
    services: Services,
    status: TaskStatus | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of a page.")] = None,
) -> Page[TaskView]:
    """Tasks, newest first."""
    return await services.tasks.list(caller, status=status, limit=limit, cursor=cursor)


@router.get("/tasks/{task}", responses=errors(404))
async def get_task(task: UUID, caller: Caller, services: Services) -> TaskView:
    """A task as it stands, with its answer once there is one."""
    return await services.tasks.get(caller, task)


@router.get("/tasks/{task}/tree", responses=errors(404, 422))
async def get_tree(
    task: UUID,
    caller: Caller,
    services: Services,
    revision: Annotated[
        int | None, Query(ge=0, le=MOST_REVISIONS, description="The plan as it was after this revision.")
    ] = None,
) -> TreeView:
    """A task with its agents and the steps of its plan, now or after any of its revisions."""
    return await services.tasks.tree(caller, task, revision=revision)


@router.get("/tasks/{task}/tree/revisions", responses=errors(404, 422))
async def list_revisions(
    task: UUID,
    caller: Caller,
    services: Services,
    after: Annotated[int, Query(ge=0, le=MOST_REVISIONS, description="Revisions behind this number.")] = 0,
    limit: Annotated[int, Query(ge=1, le=REVISIONS_PAGE)] = REVISIONS_PAGE,
) -> Page[RevisionView]:
    """How the plan came to be what it is: each change to each step, oldest first."""
    found = await services.tasks.revisions(caller, task, after=after, limit=limit + 1)
    data, more = tuple(found[:limit]), len(found) > limit
    return Page[RevisionView](data=data, next_cursor=str(data[-1].revision) if more else None, has_more=more)


@router.get("/tasks/{task}/budget", responses=errors(404))
async def get_budget(task: UUID, caller: Caller, services: Services) -> BudgetView:
    """What each agent was granted, and what of it is held, handed on and spent, in each unit."""
    return await services.tasks.budget(caller, task)


@router.post("/tasks/{task}/cancel", status_code=status.HTTP_202_ACCEPTED, responses=errors(404, 409))
async def cancel_task(task: UUID, caller: Caller, services: Services) -> TaskView:
    """Stop a task and all its agents. To cancel what has ended changes nothing."""
    return await services.tasks.cancel(caller, task)


@router.get("/tasks/{task}/calls", responses=errors(404, 422))
async def list_calls(
    task: UUID, caller: Caller, services: Services, agent: UUID | None = None
) -> Listing[CallView]:
    """What the agents of a task, or one of them, asked of models, tools and memory; without the contents."""
    return Listing[CallView](data=tuple(await services.tasks.calls(caller, task, agent)))


@router.get("/tasks/{task}/calls/{call}", responses=errors(404))
async def get_call(task: UUID, call: UUID, caller: Caller, services: Services) -> CallView:
    """One call, with the whole request and what came of it."""
    return await services.tasks.call(caller, task, call)


@router.get("/model", tags=["server"], responses=errors())
async def get_model(caller: Caller, services: Services) -> ModelDescription:
    """Which model answers on this server."""
    return services.model
