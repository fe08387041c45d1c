"""Shapes that exist on the wire only."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")


class Listing(BaseModel, Generic[T]):
    """All there are; not paged."""

    model_config = ConfigDict(frozen=True)

    data: tuple[T, ...]


class Health(BaseModel):
    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """`parts` says of each part `ok` or what is wrong with it."""

    ready: bool
    parts: dict[str, str]
