"""Errors as RFC 9457 problems. Every error this server answers with is made here."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from core.errors import ModelRateLimited, QueueFull, TreeholdError

_log = logging.getLogger("treehold.api")

MEDIA_TYPE = "application/problem+json"
MAX_VIOLATIONS = 20

STATUS: Mapping[str, HTTPStatus] = {
    "access_denied": HTTPStatus.FORBIDDEN,
    "already_decided": HTTPStatus.CONFLICT,
    "budget_exhausted": HTTPStatus.CONFLICT,
    "conflict": HTTPStatus.CONFLICT,
    "cross_origin": HTTPStatus.FORBIDDEN,
    "idempotency_mismatch": HTTPStatus.UNPROCESSABLE_ENTITY,
    "invalid_input": HTTPStatus.UNPROCESSABLE_ENTITY,
    "invalid_key": HTTPStatus.UNAUTHORIZED,
    "malformed": HTTPStatus.BAD_REQUEST,
    "method_not_allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "missing_key": HTTPStatus.UNAUTHORIZED,
    "missing_scope": HTTPStatus.FORBIDDEN,
    "model_rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "model_timeout": HTTPStatus.GATEWAY_TIMEOUT,
    "model_unavailable": HTTPStatus.BAD_GATEWAY,
    "no_such_scope": HTTPStatus.FORBIDDEN,
    "no_such_revision": HTTPStatus.UNPROCESSABLE_ENTITY,
    "no_such_event": HTTPStatus.UNPROCESSABLE_ENTITY,
    "no_such_step": HTTPStatus.UNPROCESSABLE_ENTITY,
    "not_found": HTTPStatus.NOT_FOUND,
    "queue_full": HTTPStatus.TOO_MANY_REQUESTS,
    "storage_unavailable": HTTPStatus.SERVICE_UNAVAILABLE,
    "task_ended": HTTPStatus.CONFLICT,
    "too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "too_many_messages": HTTPStatus.CONFLICT,
    "too_many_streams": HTTPStatus.TOO_MANY_REQUESTS,
    "unknown_host": HTTPStatus.MISDIRECTED_REQUEST,
    "unsupported_media_type": HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
}
"""Error code -> HTTP status. A code that is not here is our fault: 500, and its text stays in the log."""

_NOT_JSON = "The body is not JSON in UTF-8."
_OF_HTTP: Mapping[int, tuple[str, str | None]] = {
    400: ("malformed", _NOT_JSON),
    404: ("not_found", "There is nothing at this address. The API is described at /v1/docs."),
    405: ("method_not_allowed", "This address does not take this method. The API is described at /v1/docs."),
    413: ("too_large", None),
    415: ("unsupported_media_type", None),
}
"""Status -> our code, and what is said in place of the framework's words."""
_OF_FIELD: Mapping[str, str] = {
    "missing": "is required",
    "extra_forbidden": "is not a known field; /v1/docs lists the fields",
}
_HIDDEN = {
    HTTPStatus.INTERNAL_SERVER_ERROR: "Something failed here; the server's log says what.",
    HTTPStatus.SERVICE_UNAVAILABLE: "The storage does not answer; try again in a moment.",
}
"""What is said in place of errors that may name hosts, files or queries."""


class Violation(BaseModel):
    """One place where a request does not fit."""

    pointer: str = Field(description="JSON pointer into the body, or the name of a parameter or header.")
    message: str


class ProblemDetails(BaseModel):
    """RFC 9457, with members of our own."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(description="A URN that ends in the code.")
    title: str
    status: int
    detail: str
    instance: str = Field(description="The path that was asked for.")
    code: str = Field(description="A stable, machine-readable word.")
    retryable: bool = Field(description="Whether the same request may succeed later.")
    task_id: str | None = None
    errors: tuple[Violation, ...] | None = None


def problem(
    request: Request,
    status: HTTPStatus,
    code: str,
    detail: str,
    *,
    retryable: bool = False,
    errors: tuple[Violation, ...] | None = None,
) -> ProblemDetails:
    task = request.path_params.get("task")
    return ProblemDetails(
        type=f"urn:treehold:problem:{code}",
        title=status.phrase,
        status=status,
        detail=_HIDDEN.get(status, detail),
        instance=request.url.path,
        code=code,
        retryable=retryable,
        task_id=None if task is None else str(task),
        errors=errors,
    )


def of_ours(request: Request, error: TreeholdError) -> ProblemDetails:
    status = STATUS.get(error.code)
    if status is None:
        return of_unhandled(request, error)
    if status in _HIDDEN:
        _log.error("request_failed", extra=_where(request), exc_info=error)
    return problem(request, status, error.code, error.message, retryable=error.retryable)


def of_http(request: Request, error: HTTPException) -> ProblemDetails:
    status = HTTPStatus(error.status_code)
    code, detail = _OF_HTTP.get(status, (status.phrase.lower().replace(" ", "_"), None))
    retryable = status == HTTPStatus.REQUEST_TIMEOUT
    return problem(request, status, code, detail or error.detail, retryable=retryable)


def of_validation(request: Request, error: RequestValidationError) -> ProblemDetails:
    """What the caller sent is not echoed. A path that cannot name anything is a 404."""
    found: list[dict[str, Any]] = list(error.errors())
    if any(each["loc"][0] == "path" for each in found):
        return problem(request, HTTPStatus.NOT_FOUND, "not_found", "There is nothing with this id.")
    if any(each["type"] == "json_invalid" for each in found):
        what, where = found[0]["ctx"]["error"], found[0]["loc"][1]
        detail = f"The body is not JSON: {what} (character {where + 1})."
        return problem(request, HTTPStatus.BAD_REQUEST, "malformed", detail)
    errors = tuple(
        Violation(pointer=_pointer(each["loc"]), message=_words(each)) for each in found[:MAX_VIOLATIONS]
    )
    detail = "; ".join(f"{each.pointer}: {each.message}" for each in errors[:3])
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input", detail, errors=errors)


def _words(fault: Mapping[str, Any]) -> str:
    """Of what a model of ours refuses, our words alone."""
    return _OF_FIELD.get(fault["type"], fault["msg"].removeprefix("Value error, "))


def of_unhandled(request: Request, error: BaseException) -> ProblemDetails:
    _log.error("request_failed", extra=_where(request), exc_info=error)
    return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "")


def response(problem: ProblemDetails, error: BaseException | None = None) -> Response:
    headers = dict(getattr(error, "headers", None) or {})
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="treehold"'
    if isinstance(error, ModelRateLimited | QueueFull) and error.retry_after is not None:
        headers["Retry-After"] = str(round(error.retry_after))
    return Response(
        problem.model_dump_json(exclude_none=True),
        status_code=problem.status,
        headers=headers,
        media_type=MEDIA_TYPE,
    )


def _pointer(location: tuple[str | int, ...]) -> str:
    if location[0] == "body":
        return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in location[1:]) or "/"
    return ".".join(map(str, location[1:])) or str(location[0])


def _where(request: Request) -> dict[str, str]:
    return {"method": request.method, "path": request.url.path}
