"""Records read inside a unit of work that has their scopes: what it does not have, it does not see."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from core.database import Row, UnitOfWork, queries
from memory.catalogue.model import EpisodeRecord, InsightRecord, NoteRecord, Record
from memory.guard.model import RecordKind, RecordState

SQL = queries.load(__file__)

_READ = {"episode": SQL.episodes, "insight": SQL.insights, "note": SQL.notes}
_PAGE = {"episode": SQL.episode_page, "insight": SQL.insight_page, "note": SQL.note_page}


async def read(work: UnitOfWork, kind: RecordKind, ids: Sequence[UUID]) -> list[Record]:
    """Those of the records that are there, in any state and order."""
    if not ids:
        return []
    return [_record(kind, row) for row in await work.fetch_all(_READ[kind], {"ids": list(ids)})]


async def page(
    work: UnitOfWork,
    kind: RecordKind,
    *,
    scope: str | None,
    state: RecordState | None,
    before: datetime | None,
    before_id: UUID | None,
    limit: int,
) -> list[Record]:
    """Records made before a moment, newest first."""
    rows = await work.fetch_all(
        _PAGE[kind],
        {"scope": scope, "state": state, "before": before, "before_id": before_id, "limit": limit},
    )
    return [_record(kind, row) for row in rows]


def _record(kind: RecordKind, row: Row) -> Record:
    match kind:
        case "episode":
            return EpisodeRecord.model_validate(row)
        case "insight":
            return InsightRecord.model_validate(row)
        case "note":
            return NoteRecord.model_validate(row)
