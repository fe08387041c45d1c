"""Approvals: calls of agents that wait for a person."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from api.auth import Caller, Services, authenticate
from api.body import json_object
from api.routes.responses import errors
from orchestrator.services.views import ApprovalStatus, ApprovalView, Decision, Page

router = APIRouter(prefix="/v1", tags=["approvals"], dependencies=[Depends(authenticate)])


@router.get("/approvals", responses=errors(422))
async def list_approvals(
    caller: Caller,
    services: Services,
    status: ApprovalStatus | None = None,
    task: UUID | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=500, description="`next_cursor` of a page.")] = None,
) -> Page[ApprovalView]:
    """What waits for a decision or did, newest first; of one task, where it is named."""
    return await services.approvals.list(caller, status=status, task=task, limit=limit, cursor=cursor)


@router.get("/approvals/{approval}", responses=errors(404))
async def get_approval(approval: UUID, caller: Caller, services: Services) -> ApprovalView:
    """One approval: what is to run, and the evidence."""
    return await services.approvals.get(caller, approval)


@router.post(
    "/approvals/{approval}/decide",
    dependencies=[Depends(json_object)],
    responses=errors(404, 409, 413, 415, 422),
)
async def decide_approval(
    approval: UUID, given: Decision, caller: Caller, services: Services
) -> ApprovalView:
    """Approve, with other arguments if need be, or deny. The agent that asked goes on, and no other.

    The same decision again changes nothing; another one is refused, and the first stands.
    """
    return await services.approvals.decide(caller, approval, given)
