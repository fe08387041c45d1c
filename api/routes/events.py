"""Events of a task: in pages, or live as server-sent events."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from api.auth import Caller, Services, authenticate
from api.event_stream import EventStream, Streams, event_message, gap_message
from api.routes.responses import errors
from core.errors import TreeholdError
from orchestrator.services.ports import Tasks
from orchestrator.services.principal import Principal
from orchestrator.services.views import EventView, Page, TaskView

router = APIRouter(prefix="/v1", tags=["events"], dependencies=[Depends(authenticate)])

_log = logging.getLogger("treehold.api")

EVENT_STREAM = "text/event-stream"
MAX_SEQ = 2**53 - 1
PAGE = 1000

_STREAM_DOC = (
    "With `Accept: text/event-stream`: messages with `id` (the event's number), `event` (its kind) and "
    "`data` (the event). `Last-Event-ID` resumes. A message `gap` with `after` and `first` says that "
    "the events behind `after` are not kept, and that `first` comes next. The stream "
    "ends behind `task.finished`."
)
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": _STREAM_DOC, "content": {EVENT_STREAM: {"schema": {"type": "string"}}}}
}

Seq = Annotated[int, Query(ge=0, le=MAX_SEQ, description="Events behind this number.")]
LastEventId = Annotated[int | None, Header(ge=0, le=MAX_SEQ, description="Goes before `after`.")]


@router.get("/tasks/{task}/events", response_model=Page[EventView], responses=errors(404, 422, 429) | _STREAM)
async def list_events(
    request: Request,
    task: UUID,
    caller: Caller,
    services: Services,
    after: Seq = 0,
    limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
    last_event_id: LastEventId = None,
) -> Page[EventView] | Response:
    """What happened, oldest first."""
    if EVENT_STREAM in request.headers.get("accept", ""):
        streams: Streams = request.app.state.streams
        streams.require_room(caller.tenant)
        view = await services.tasks.get(caller, task)
        start = after if last_event_id is None else last_event_id
        return EventStream(
            _messages(services.tasks, caller, view, start),
            heartbeat_seconds=services.heartbeat_seconds,
            closing=request.app.state.closing,
            counted=streams.counted(caller.tenant),
        )
    found = await services.tasks.events(caller, task, after=after, limit=limit + 1)
    data, more = tuple(found[:limit]), len(found) > limit
    return Page[EventView](data=data, next_cursor=str(data[-1].seq) if more else None, has_more=more)


async def _messages(tasks: Tasks, caller: Principal, view: TaskView, after: int) -> AsyncGenerator[bytes]:
    """A failure of the storage ends the stream before `task.finished`: the client comes back and resumes."""
    start = after if after <= view.last_event else 0
    following = tasks.follow(caller, view.id, after=start)
    try:
        async for event in following:
            if event.seq != after + 1:
                yield gap_message(after, event.seq)
            yield event_message(event)
            after = event.seq
    except TreeholdError as error:
        _log.warning("stream_ended", extra={"task_id": str(view.id), "code": error.code}, exc_info=error)
    finally:
        if isinstance(following, AsyncGenerator):
            await following.aclose()
