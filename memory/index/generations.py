"""Generations of the index: the one that is searched, one being built beside it, and those that are left."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

import psycopg

from core.clock import Clock
from core.database import Database, queries
from core.errors import ConfigurationError, StorageError
from core.ids import TenantId
from memory.ports import Embedder, Generation, VectorIndex

SQL = queries.load(__file__, "generations.sql")

FOLLOW_SECONDS = 2.0
"""After a switch, processes search the earlier generation for so long at most."""

State = Literal["building", "current", "retired"]

OpenEmbedder = Callable[[str, int | None], Awaitable[Embedder]]
"""From the name that settings use, and the length of its vectors if that is known."""

OpenIndex = Callable[[Embedder, int], VectorIndex]
"""The index of one generation, by its number, in whatever store there is."""


@dataclass(frozen=True, kw_only=True)
class GenerationRow:
    """A generation as Postgres has it; `embedder` as settings name it, `name` with its version."""

    number: int
    embedder: str
    name: str
    dimensions: int
    state: State


@dataclass(frozen=True, kw_only=True)
class StoredGeneration(Generation):
    """An opened generation."""

    row: GenerationRow


class OneGeneration:
    """An index that never changes its embedder."""

    def __init__(self, embedder: Embedder, index: VectorIndex) -> None:
        self._only = Generation(embedder=embedder, index=index)

    async def live(self) -> Sequence[Generation]:
        return [self._only]


class StoredGenerations:
    """The generations that Postgres names, opened when they are needed.

    Args:
        database: where the rows are.
        clock: for how long the current one is taken for granted.
        open_embedder: makes an embedder.
        open_index: makes the index of a generation.
        chosen: the embedder of the first generation, and of the next.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        open_embedder: OpenEmbedder,
        open_index: OpenIndex,
        *,
        chosen: str,
    ) -> None:
        self._database = database
        self._clock = clock
        self._open_embedder = open_embedder
        self._open_index = open_index
        self.chosen = chosen
        self._lock = asyncio.Lock()
        self._opened: dict[int, StoredGeneration] = {}
        self._current: StoredGeneration | None = None
        self._seen = 0.0

    async def prepare(self) -> None:
        """Begin the first generation, unless there is one; see that the current one can be searched.

        Raises:
            ConfigurationError: its embedder cannot be had here.
        """
        if not await self.rows():
            embedder = await self._open_embedder(self.chosen, None)
            await self._run(SQL.begin_first, _values(self.chosen, embedder))
        await (await self.current()).index.prepare()

    async def current(self) -> StoredGeneration:
        """The one to search.

        Raises:
            ConfigurationError: its embedder cannot be had here.
            StorageError: there is none yet, or Postgres failed.
        """
        async with self._lock:
            if self._current is None or self._clock.monotonic() - self._seen > FOLLOW_SECONDS:
                rows = [row for row in await self.rows() if row.state == "current"]
                if not rows:
                    raise StorageError("there is no index yet")
                self._current = await self.opened(rows[0])
                self._seen = self._clock.monotonic()
            return self._current

    async def live(self) -> Sequence[StoredGeneration]:
        """Raises `StorageError` where one cannot be opened here: the work is left to other processes."""
        rows = await self.rows()
        if not rows:
            raise StorageError("there is no index yet")
        try:
            return [await self.opened(row) for row in rows]
        except ConfigurationError as error:
            raise StorageError(error.message) from error

    async def openable(self) -> Sequence[StoredGeneration]:
        """Those of the live ones that can be opened here."""
        found: list[StoredGeneration] = []
        for row in await self.rows():
            with suppress(ConfigurationError):
                found.append(await self.opened(row))
        return found

    async def opened(self, row: GenerationRow) -> StoredGeneration:
        """A generation, ready for use."""
        known = self._opened.get(row.number)
        if known is not None:
            return known
        embedder = await self._open_embedder(row.embedder, row.dimensions)
        if embedder.name != row.name:
            raise ConfigurationError(
                f"the index was made with {row.name}, and {row.embedder!r} is {embedder.name} now: "
                "run `treehold index rebuild`"
            )
        made = StoredGeneration(embedder=embedder, index=self._open_index(embedder, row.number), row=row)
        return self._opened.setdefault(row.number, made)

    async def begin(self, embedder: str) -> StoredGeneration:
        """Begin to build one; what was left of an earlier attempt is retired."""
        made = await self._open_embedder(embedder, None)
        await self._run(SQL.retire, {"state": "building"})
        (row,) = await self._run(SQL.begin, _values(embedder, made))
        generation = await self.opened(GenerationRow(**row))
        await generation.index.prepare()
        return generation

    async def switch(self, generation: StoredGeneration) -> None:
        """Have it searched from now on, in place of the current one, in every process."""
        async with self._database.plumbing() as connection, connection.transaction():
            await connection.execute(SQL.retire, {"state": "current"})
            cursor = await connection.execute(SQL.make_current, {"number": generation.row.number})
            if cursor.rowcount != 1:
                raise StorageError("another rebuild has taken this one's place")
        self._current = None

    async def drop_retired(self) -> int:
        """Remove what nobody searches any more; returns how many generations."""
        rows = [GenerationRow(**row) for row in await self._run(SQL.retired)]
        for row in rows:
            generation = self._opened.pop(row.number, None)
            index = generation.index if generation else self._open_index(_Named(row), row.number)
            await index.destroy()
            await self._run(SQL.forget, {"number": row.number})
        return len(rows)

    async def rows(self) -> list[GenerationRow]:
        """Those that are not retired, the current one first."""
        return [GenerationRow(**row) for row in await self._run(SQL.live)]

    async def close(self) -> None:
        opened, self._opened, self._current = self._opened, {}, None
        for generation in opened.values():
            await generation.index.close()

    async def _run(self, query: bytes, params: dict[str, object] | None = None) -> list[dict[str, Any]]:
        async with self._database.plumbing() as connection:
            try:
                cursor = await connection.execute(query, params)
            except psycopg.errors.UniqueViolation as error:
                raise StorageError("another rebuild of the index has just begun") from error
            return await cursor.fetchall() if cursor.description else []


async def all_tenants(database: Database) -> list[TenantId]:
    """Whose records an index is made of."""
    async with database.plumbing() as connection:
        rows = await (await connection.execute(SQL.tenants)).fetchall()
    return [TenantId(row["tenant_id"]) for row in rows]


class _Named:
    """The name and length of an embedder that is not needed any more, to find its index by."""

    def __init__(self, row: GenerationRow) -> None:
        self.name = row.name
        self.dimensions = row.dimensions

    async def embed(self, texts: Sequence[str]) -> Any:
        raise ConfigurationError(f"{self.name} is retired; {len(texts)} texts were not embedded")


def _values(embedder: str, made: Embedder) -> dict[str, object]:
    return {"embedder": embedder, "name": made.name, "dimensions": made.dimensions}
