"""What the commands of `treehold memory` share."""

from __future__ import annotations

import sys
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from core.errors import InvalidInput

if TYPE_CHECKING:
    from pydantic import BaseModel

    from treehold import MemoryKind


class Kind(StrEnum):
    EPISODE = "episode"
    INSIGHT = "insight"
    NOTE = "note"


KindArgument = Annotated[Kind, typer.Argument(help="What kind of record.")]
RecordId = Annotated[str, typer.Argument(help="The record's id, as search prints it.")]
Kinds = Annotated[list[Kind] | None, typer.Option("--kind", help="Only these kinds; repeatable.")]
Scope = Annotated[
    str | None, typer.Option("--scope", help="tenant, private, or team:NAME.", show_default=False)
]
Scopes = Annotated[list[str] | None, typer.Option("--scope", help="Only there; repeatable.")]
Limit = Annotated[int, typer.Option(min=1, max=100, help="How many, best first.")]


def kinds_of(kinds: list[Kind] | None) -> tuple[MemoryKind, ...]:
    return tuple(kind.value for kind in kinds or ())


def put(value: BaseModel) -> None:
    sys.stdout.write(value.model_dump_json() + "\n")


def record_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is no id: treehold memory search and list print them") from error


def moment(text: str) -> datetime:
    """A day begins at midnight of this machine's own time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is no date: write it as 2026-01-31 or 2026-01-31T09:00") from error
    return moment if moment.tzinfo else moment.astimezone()
