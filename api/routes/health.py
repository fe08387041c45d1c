"""Whether the process is up, and whether it can work. Neither needs a key, and neither tells secrets."""

from __future__ import annotations

import asyncio
import logging

from fastapi import APIRouter, Request, Response, status

from api.ports import OK, Ready
from api.wire import Health, Readiness
from core.errors import TreeholdError

router = APIRouter(tags=["server"])

_log = logging.getLogger("treehold.api")

READY_SECONDS = 5.0


@router.get("/healthz")
async def get_health() -> Health:
    """The process is up."""
    return Health()


@router.get(
    "/readyz",
    responses={503: {"model": Readiness, "description": "A part does not answer."}},
)
async def get_readiness(request: Request, response: Response) -> Readiness:
    """Whether the parts this server stands on answer."""
    ready_of: Ready = request.app.state.ready
    try:
        async with asyncio.timeout(READY_SECONDS):
            parts = dict(await ready_of())
    except TimeoutError:
        parts = {"server": "timeout"}
    except TreeholdError as error:
        _log.warning("not_ready", extra={"code": error.code}, exc_info=error)
        parts = {"server": error.code}
    ready = all(state == OK for state in parts.values())
    if not ready:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return Readiness(ready=ready, parts=parts)
