"""What the index is told of notes. Implements `memory.ports.Source`."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from pydantic import TypeAdapter

from core.database import UnitOfWork, queries
from memory.ports import Indexed

SQL = queries.load(__file__)

_INDEXED = TypeAdapter(list[Indexed])


class NoteSource:
    """Notes that may be recalled, with where they stood among others."""

    async def texts(self, work: UnitOfWork, ids: Sequence[UUID]) -> list[Indexed]:
        return _INDEXED.validate_python(await work.fetch_all(SQL.indexed, {"ids": list(ids)}))

    async def after(self, work: UnitOfWork, last: UUID, most: int) -> list[Indexed]:
        return _INDEXED.validate_python(
            await work.fetch_all(SQL.indexed_after, {"after": last, "most": most})
        )
