"""Figures for Prometheus. They are of all tenants, so no API key shows them: the operator sets a token."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, Request, Response

from api.ports import Figures
from core.errors import AccessDenied, NotFound

router = APIRouter(tags=["server"])

PATH = "/metrics"
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@router.get(PATH, include_in_schema=False)
async def get_metrics(request: Request) -> Response:
    """Counters of this process, and figures of the whole fleet."""
    figures: Figures | None = request.app.state.figures
    if figures is None:
        raise NotFound(
            "figures are not served here: set TREEHOLD_METRICS_TOKEN, or ask a worker's health port"
        )
    _require(request, figures)
    return Response(await figures.text(), media_type=MEDIA_TYPE)


def _require(request: Request, figures: Figures) -> None:
    """Raises `AccessDenied` without the token."""
    if figures.token is None:
        return
    given = request.headers.get("authorization", "")
    expected = f"Bearer {figures.token.get_secret_value()}"
    if not secrets.compare_digest(given.encode(), expected.encode()):
        raise AccessDenied("use `Authorization: Bearer` with TREEHOLD_METRICS_TOKEN", code="invalid_key")
