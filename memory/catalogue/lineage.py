"""Lineage: what a record rests on, what rests on it, and whom it was shown."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, TypeAdapter

from core.database import UnitOfWork, queries
from core.provenance import Origin
from memory.catalogue.model import EpisodeRecord, Record
from memory.guard.model import RecordKind

SQL = queries.load(__file__, "lineage.sql")

MOST = 500
"""Links of each sort that are told; the newest."""

Relation = Literal["supports", "contradicts", "helped", "superseded", "written_from"]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Link(_Model):
    """Another record, and what became between the two.

    One `supports`, `contradicts`, `helped` or `superseded` the other, or was `written_from` it.
    """

    kind: RecordKind
    id: UUID
    relation: Relation


class Version(_Model):
    """A text an insight had: how it came to be, and which model wrote it, if one did."""

    version: int
    op: str
    model: str | None
    at: datetime


class Showing(_Model):
    """A task whose agent was shown the record, or had it withheld or held back."""

    task: UUID
    agent: UUID
    decision: Literal["used", "withheld", "held_back"]
    version: int | None
    at: datetime


class Lineage(_Model):
    kind: RecordKind
    id: UUID
    task: UUID | None
    origins: tuple[Origin, ...]
    rests_on: tuple[Link, ...]
    bears: tuple[Link, ...]
    versions: tuple[Version, ...]
    shown_to: tuple[Showing, ...]


_LINKS = TypeAdapter(list[Link])
_VERSIONS = TypeAdapter(list[Version])
_SHOWINGS = TypeAdapter(list[Showing])


async def lineage(work: UnitOfWork, record: Record) -> Lineage:
    """Of a record that this unit of work sees; what it does not see of others is left out."""
    about = {"record": record.id, "most": MOST}
    return Lineage(
        kind=record.kind,
        id=record.id,
        task=record.task if isinstance(record, EpisodeRecord) else None,
        origins=record.provenance.origins,
        rests_on=tuple(_LINKS.validate_python(await work.fetch_all(SQL.rests_on, about))),
        bears=tuple(_LINKS.validate_python(await work.fetch_all(SQL.bears, about))),
        versions=tuple(_VERSIONS.validate_python(await work.fetch_all(SQL.versions, about))),
        shown_to=tuple(_SHOWINGS.validate_python(await work.fetch_all(SQL.shown_to, about))),
    )
