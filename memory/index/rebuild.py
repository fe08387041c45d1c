"""Rebuilding: a new generation of the index beside the one that is searched, and then in its place."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from core.clock import Clock
from core.database import Database
from core.errors import ConfigurationError, Conflict, StorageError
from core.ids import TenantId
from core.scopes import EVERY
from memory.index import outbox
from memory.index.generations import FOLLOW_SECONDS, StoredGenerations, all_tenants
from memory.index.indexer import Indexer
from memory.ports import Collection, Generation, Source

PAGE = 512
"""Records marked at a time: as many at most wait before what other tenants change."""

WAIT_SECONDS = 0.2
"""Until the next look at what another process is working on."""

PATIENCE = 4
"""How often a change may have failed until a rebuild no longer waits for it."""

GRACE_SECONDS = FOLLOW_SECONDS + 10.0
"""Until the old generation is removed: a process may be searching it still."""

_LOCK = b"SELECT pg_try_advisory_lock(hashtext('rebuild_index')) AS mine"


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a rebuild is; `expected` is how many records the old index had, 0 if that is not known."""

    records: int
    expected: int


@dataclass(frozen=True, kw_only=True)
class Rebuilt:
    """What a rebuild made."""

    embedder: str
    records: Mapping[Collection, int]
    removed: int


class _Openable:
    """A generation whose embedder is gone must not keep another from being built."""

    def __init__(self, generations: StoredGenerations) -> None:
        self._generations = generations

    async def live(self) -> Sequence[Generation]:
        return await self._generations.openable()


class Rebuilder:
    """Marks every record as changed and sees that the indexers take them into the new generation too.

    So what changes meanwhile is in it as well. Ended half-way, it leaves the old generation in use; the next
    rebuild removes what is left.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        generations: StoredGenerations,
        sources: Mapping[Collection, Source],
    ) -> None:
        self._database = database
        self._clock = clock
        self._generations = generations
        self._sources = sources
        self._indexer = Indexer(database, sources, _Openable(generations))

    async def rebuild(
        self, *, embedder: str | None = None, told: Callable[[Progress], None] = lambda _: None
    ) -> Rebuilt:
        """Build a generation of all tenants' records, switch to it, and remove the old one.

        Args:
            embedder: as settings name it; those of this process unless given.
            told: hears how far it is.

        Raises:
            Conflict: another rebuild is at work.
            ConfigurationError: the embedder cannot be had here.
            StorageError, ModelError: something failed; what there was is in use still.
        """
        async with self._alone():
            await self._generations.drop_retired()
            tenants = await all_tenants(self._database)
            expected = await self._expected(tenants)
            new = await self._generations.begin(embedder or self._generations.chosen)
            done: dict[Collection, int] = dict.fromkeys(self._sources, 0)
            for tenant in tenants:
                for collection in self._sources:
                    async for records in self._marked(tenant, collection):
                        done[collection] += records
                        await self._taken_in(tenant)
                        told(Progress(records=sum(done.values()), expected=expected))
            await self._generations.switch(new)
            await self._clock.sleep(GRACE_SECONDS)
            removed = await self._generations.drop_retired()
        return Rebuilt(embedder=new.row.name, records=done, removed=removed)

    async def _expected(self, tenants: list[TenantId]) -> int:
        try:
            current = await self._generations.current()
        except (ConfigurationError, StorageError):
            return 0
        counts = [
            await current.index.count(tenant, collection)
            for tenant in tenants
            for collection in self._sources
        ]
        return sum(counts)

    async def _marked(self, tenant: TenantId, collection: Collection) -> AsyncIterator[int]:
        last = UUID(int=0)
        while True:
            async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
                page = await self._sources[collection].after(work, last, PAGE)
                await outbox.mark_changed(work, collection, [record.id for record in page])
            if not page:
                return
            last = page[-1].id
            yield len(page)

    async def _taken_in(self, tenant: TenantId) -> None:
        """Also by other processes. What fails again and again is left behind; it is tried for ever."""
        while True:
            await self._indexer.drain(tenant)
            async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
                if not await outbox.waiting(work, tries=PATIENCE):
                    return
            await self._clock.sleep(WAIT_SECONDS)

    @asynccontextmanager
    async def _alone(self) -> AsyncGenerator[None]:
        async with self._database.plumbing() as connection:
            row = await (await connection.execute(_LOCK)).fetchone()
            if row is None or not row["mine"]:
                raise Conflict("another process is rebuilding the index: wait until it is done")
            try:
                yield
            finally:
                await connection.execute(b"SELECT pg_advisory_unlock_all()")
