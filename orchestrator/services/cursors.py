"""Opaque cursors of lists that are ordered by time, newest first."""

from __future__ import annotations

import base64
from datetime import datetime
from uuid import UUID

import orjson

from core.errors import InvalidInput


def encode(at: datetime, last: UUID) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([at.isoformat(), str(last)])).decode()


def decode(cursor: str | None) -> tuple[datetime | None, UUID | None]:
    """Raises `InvalidInput` for what is no cursor of ours."""
    if cursor is None:
        return None, None
    try:
        at, last = orjson.loads(base64.urlsafe_b64decode(cursor))
        return datetime.fromisoformat(at), UUID(last)
    except (ValueError, TypeError) as error:
        raise InvalidInput("this cursor is not one we gave; start again without it") from error
