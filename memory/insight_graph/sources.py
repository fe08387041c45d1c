"""What episodes and insights look like to the index."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from core.database import Row, UnitOfWork, queries
from memory.ports import Indexed

SQL = queries.load(__file__, "sources.sql")


class EpisodeSource:
    """An episode is found by its goal."""

    async def texts(self, work: UnitOfWork, ids: Sequence[UUID]) -> list[Indexed]:
        return [_episode(row) for row in await work.fetch_all(SQL.episodes, {"ids": list(ids)})]

    async def after(self, work: UnitOfWork, last: UUID, most: int) -> list[Indexed]:
        rows = await work.fetch_all(SQL.episodes_after, {"after": last, "most": most})
        return [_episode(row) for row in rows]


class InsightSource:
    """An insight is found by what it is about; advice by what it says, too."""

    async def texts(self, work: UnitOfWork, ids: Sequence[UUID]) -> list[Indexed]:
        return [_insight(row) for row in await work.fetch_all(SQL.insights, {"ids": list(ids)})]

    async def after(self, work: UnitOfWork, last: UUID, most: int) -> list[Indexed]:
        rows = await work.fetch_all(SQL.insights_after, {"after": last, "most": most})
        return [_insight(row) for row in rows]


def _episode(row: Row) -> Indexed:
    payload = {"scope": row["scope"], "origin": row["origin"], "outcome": row["outcome"]}
    return Indexed(id=row["id"], text=row["goal"], payload=payload)


def _insight(row: Row) -> Indexed:
    text = row["about"] if row["kind"] == "procedure" else f"{row['about']}\n{row['text']}"
    return Indexed(id=row["id"], text=text, payload={"scope": row["scope"], "kind": row["kind"]})
