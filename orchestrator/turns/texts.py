"""Texts of a task that code reads and no prompt does: what tools brought, and what artifacts hold (law 1)."""

from __future__ import annotations

from core.database import Database, queries
from core.errors import NotFound
from core.ids import ArtifactId
from orchestrator.turns.journal import Journal

SQL = queries.load(__file__, "texts.sql")


class Texts:
    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal

    async def held(self, text: str) -> bool:
        """Whether the data of one of the agent's tool results has this text, whole."""
        await self._journal.flush()
        asked = {"agent": self._journal.lease.agent, "text": text}
        async with self._database.unit_of_work(self._journal.lease.tenant) as work:
            row = await work.fetch_one(SQL.held, asked)
        return row is not None and row["held"]

    async def of(self, artifact: ArtifactId) -> str:
        """What an artifact of this task holds. Raises `NotFound`."""
        asked = {"task": self._journal.lease.task, "artifact": artifact}
        async with self._database.unit_of_work(self._journal.lease.tenant) as work:
            row = await work.fetch_one(SQL.content, asked)
        if row is None:
            raise NotFound(f"no artifact {artifact} in this task")
        return bytes(row["content"]).decode("utf-8", "replace")
