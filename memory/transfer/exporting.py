"""Memory as lines: what a principal may see, page by page, in bounded memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from collections.abc import Collection as Group
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from core.clock import Clock
from core.database import Database, UnitOfWork, queries
from core.ids import TenantId
from memory import catalogue
from memory.catalogue import Record
from memory.guard.model import RecordKind
from memory.transfer.model import SCHEMA_VERSION, Header

SQL = queries.load(__file__)

PAGE = 200

_LEFT_OUT = {
    "episode": {"provenance", "reasons", "reward", "utility"},
    "insight": {
        "provenance",
        "origins",
        "supports",
        "contradictions",
        "worth",
        "utility",
        "version",
        "retired_for",
        "superseded_by",
        "updated_at",
    },
    "note": {"provenance", "reasons"},
}
"""What this place found out about a record; another one finds out for itself."""


class Exporting:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def lines(
        self, tenant: TenantId, *, scopes: Group[str], kinds: Sequence[RecordKind]
    ) -> AsyncGenerator[bytes]:
        """A header, then a line for each record in these scopes: insights behind what they rest on.

        What is written while it goes on may be left out.

        Raises:
            StorageError: Postgres failed; the lines so far are whole.
        """
        header = Header(schema_version=SCHEMA_VERSION, at=self._clock.now())
        yield header.model_dump_json().encode() + b"\n"
        for kind in kinds:
            before: datetime | None = None
            before_id: UUID | None = None
            while True:
                async with self._database.unit_of_work(tenant, scopes=scopes) as work:
                    records = await catalogue.page(
                        work,
                        kind,
                        scope=None,
                        state=None,
                        before=before,
                        before_id=before_id,
                        limit=PAGE,
                    )
                    more = await _patterns(work, kind, records)
                for record in records:
                    said = record.model_dump(mode="json", exclude=_LEFT_OUT[kind])
                    yield orjson.dumps(said | more.get(record.id, {}), option=orjson.OPT_APPEND_NEWLINE)
                if len(records) < PAGE:
                    break
                before, before_id = records[-1].created_at, records[-1].id


async def _patterns(
    work: UnitOfWork, kind: RecordKind, records: Sequence[Record]
) -> dict[UUID, dict[str, Any]]:
    if kind != "insight":
        return {}
    rows = await work.fetch_all(SQL.patterns, {"ids": [record.id for record in records]})
    return {
        row["id"]: {
            "pattern": row["pattern"],
            "supports": [str(one) for one in row["supports"]],
            "contradicts": [str(one) for one in row["contradicts"]],
        }
        for row in rows
    }
