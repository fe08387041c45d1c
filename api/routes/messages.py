"""Messages to a task that runs: add, revise, retract, ask, say."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter, Depends, Response, status

from api.auth import Caller, Services, authenticate
from api.body import json_object
from api.routes.responses import errors
from api.routes.tasks import IdempotencyKey
from api.wire import Listing
from orchestrator.services.views import MessageView, NewMessage

router = APIRouter(prefix="/v1", tags=["messages"], dependencies=[Depends(authenticate)])


@router.post(
    "/tasks/{task}/messages",
    status_code=status.HTTP_202_ACCEPTED,
    response_model=MessageView,
    dependencies=[Depends(json_object)],
    responses=errors(404, 409, 413, 415, 422)
    | {200: {"model": MessageView, "description": "The message an earlier request with this key sent."}},
)
async def send_message(
    task: UUID,
    message: NewMessage,
    caller: Caller,
    services: Services,
    response: Response,
    idempotency_key: IdempotencyKey = None,
) -> MessageView:
    """Steer a task while it runs. The message is kept, and takes effect once, in the order of its number."""
    sent = await services.messages.send(caller, task, message, idempotency_key=idempotency_key)
    if sent.replayed:
        response.status_code = status.HTTP_200_OK
        response.headers["Idempotency-Replayed"] = "true"
    return sent.message


@router.get("/tasks/{task}/messages", responses=errors(404))
async def list_messages(task: UUID, caller: Caller, services: Services) -> Listing[MessageView]:
    """What the task was told, and what came of it."""
    return Listing[MessageView](data=tuple(await services.messages.list(caller, task)))
