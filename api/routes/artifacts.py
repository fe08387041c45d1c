"""Artifacts: bytes that agents made. They are handed out as downloads, never as something to run."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from api.auth import Caller, Services, authenticate
from api.routes.responses import errors
from api.wire import Listing
from core.text import printable
from orchestrator.services.views import ArtifactView

router = APIRouter(prefix="/v1", tags=["artifacts"], dependencies=[Depends(authenticate)])

INERT = frozenset(
    {
        "application/json",
        "application/pdf",
        "image/gif",
        "image/jpeg",
        "image/png",
        "text/csv",
        "text/markdown",
        "text/plain",
    }
)
"""Types no browser runs as page, script or style sheet. All others go out as plain bytes."""
POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
MAX_NAME = 150

_BYTES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The bytes, as a download.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.get("/tasks/{task}/artifacts", responses=errors(404))
async def list_artifacts(task: UUID, caller: Caller, services: Services) -> Listing[ArtifactView]:
    """What the agents of a task stored."""
    return Listing[ArtifactView](data=tuple(await services.tasks.artifacts(caller, task)))


@router.get("/artifacts/{artifact}", response_class=Response, responses=errors(404) | _BYTES)
async def download_artifact(artifact: UUID, caller: Caller, services: Services) -> Response:
    """The bytes of an artifact."""
    view, content = await services.tasks.artifact(caller, artifact)
    media_type = view.media_type.partition(";")[0].strip().lower()
    headers = {
        "Content-Disposition": disposition(view.name),
        "Content-Security-Policy": POLICY,
        "Content-Type": _content_type(media_type),
    }
    return Response(content, headers=headers)


def disposition(name: str) -> str:
    """`Content-Disposition` (RFC 6266) for a name that may be anything."""
    safe = re.sub(r'[\\/:*?"<>|\n\t]', "_", printable(name)).strip(" .")[:MAX_NAME] or "artifact"
    plain = safe.encode("ascii", "replace").decode().replace("?", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"


def _content_type(media_type: str) -> str:
    if media_type not in INERT:
        return "application/octet-stream"
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
