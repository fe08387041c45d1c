"""The viewer's pages. They can be read without JavaScript; scripts make them live."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import parse_qs
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from api.auth import Services, Visitor, forget, remember, require_same_origin
from api.pages import page
from core.errors import AccessDenied, InvalidInput
from orchestrator.services.views import TaskStatus

router = APIRouter(include_in_schema=False)

TASKS_ON_A_PAGE = 50
WRONG_KEY = "This key is not known here, or was revoked."
WRONG_TICKET = "This link was used already or is too old. Sign in with the key."

_LOCAL_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")

Following = Annotated[str, Query(alias="next", max_length=2000)]


@router.get("/")
async def tasks_page(
    visitor: Visitor,
    services: Services,
    status: TaskStatus | Literal[""] | None = None,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Response:
    chosen = status or None
    found = await services.tasks.list(visitor, status=chosen, limit=TASKS_ON_A_PAGE, cursor=cursor or None)
    return page("tasks.html", page=found, status=chosen, principal_name=visitor.name)


@router.get("/tasks/{task}")
@router.get("/tasks/{task}/agents/{agent}")
@router.get("/tasks/{task}/agents/{agent}/events/{seq}")
async def task_page(task: UUID, visitor: Visitor, services: Services) -> Response:
    """One page for a task and whatever is selected in it; the script reads the selection from the path."""
    tree = await services.tasks.tree(visitor, task)
    return page("task.html", task=tree.task, tree=tree, principal_name=visitor.name)


@router.get("/sign-in")
async def sign_in_page(
    request: Request,
    services: Services,
    ticket: Annotated[str, Query(max_length=200)] = "",
    following: Following = "/",
) -> Response:
    """With a ticket, signs in at once; the ticket is void afterwards."""
    if not ticket:
        return page("sign_in.html", error=None, next=local(following))
    key = services.tickets.redeem(ticket)
    if key is None:
        return page("sign_in.html", 403, error=WRONG_TICKET, next=local(following))
    return await _signed_in(request, services, key, following)


@router.post("/sign-in")
async def sign_in(request: Request, services: Services) -> Response:
    require_same_origin(request, services)
    try:
        form = parse_qs((await request.body()).decode(), max_num_fields=10)
    except ValueError as error:
        raise InvalidInput("this is not the sign-in form") from error
    key, following = form.get("key", [""])[0].strip(), form.get("next", ["/"])[0]
    return await _signed_in(request, services, key, following)


@router.post("/sign-out")
async def sign_out(request: Request, services: Services) -> Response:
    require_same_origin(request, services)
    response = RedirectResponse("/sign-in", status_code=303)
    forget(response)
    return response


async def _signed_in(request: Request, services: Services, key: str, following: str) -> Response:
    try:
        await services.keys.authenticate(key)
    except AccessDenied:
        return page("sign_in.html", 403, error=WRONG_KEY, next=local(following))
    response = RedirectResponse(local(following), status_code=303)
    remember(request, response, key, services.settings)
    return response


def local(path: str) -> str:
    """The path if it stays on this server, `/` if it might lead elsewhere."""
    return path if _LOCAL_PATH.fullmatch(path) else "/"
