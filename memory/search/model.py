"""What a search gives."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from memory.catalogue.model import TrustName
from memory.guard.model import HeldReason, RecordKind, RecordState


class Found(BaseModel):
    """A record that was found, or that the guard held back and why; the latter without its text.

    `score` is comparable within the kind and the search; `similarity` is the cosine, -1 to 1. `unverified`
    says that the guard could not judge it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: RecordKind
    id: UUID
    scope: str
    state: RecordState
    trust: TrustName
    origin: str
    title: str
    text: str
    score: float
    similarity: float
    unverified: bool
    held_back: HeldReason | None
    thread: str | None = None
    position: int | None = None
    at: datetime | None = None
    created_at: datetime


class SearchResult(BaseModel):
    """Best first; kinds take turns. What the guard holds back stands apart."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    found: tuple[Found, ...] = ()
    held_back: tuple[Found, ...] = ()
