"""The error answers of a route, as OpenAPI describes them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api.problems import MEDIA_TYPE

ALWAYS = (400, 401, 403, 421, 500, 503)


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Problem responses for these statuses and for those every route may answer with."""
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status in sorted({*ALWAYS, *statuses})
    }
