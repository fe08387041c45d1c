"""Whether the index says what the rows say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from core.database import Database
from core.ids import TenantId
from core.scopes import EVERY
from memory.index import outbox
from memory.index.generations import all_tenants
from memory.index.points import digest_of
from memory.ports import Collection, Source, VectorIndex

PAGE = 512


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What is not as it should be with a collection of one tenant, in records.

    Attributes:
        records: that may be found.
        missing: that have no point.
        extra: points of records that may not be found.
        different: whose point says something else.
        waiting: changes, of all collections, that the index has not taken in yet; they may explain the rest.
    """

    tenant: TenantId
    collection: Collection
    records: int
    missing: int
    extra: int
    different: int
    waiting: int

    @property
    def consistent(self) -> bool:
        return not (self.missing or self.extra or self.different)


class Checker:
    """Compares page by page, so that it needs no more memory for a million records than for a thousand."""

    def __init__(self, database: Database, index: VectorIndex, sources: Mapping[Collection, Source]) -> None:
        self._database = database
        self._index = index
        self._sources = sources

    async def check_all(self, *, mend: bool = False, most: int | None = None) -> list[Difference]:
        """Every tenant's; nothing where the index has more than `most` points."""
        tenants = await all_tenants(self._database)
        points = 0
        for tenant in tenants if most is not None else []:
            points += sum([await self._index.count(tenant, one) for one in self._sources])
        if most is not None and points > most:
            return []
        return [one for tenant in tenants for one in await self.check(tenant, mend=mend)]

    async def check(self, tenant: TenantId, *, mend: bool = False) -> list[Difference]:
        """Look at every record and every point of a tenant.

        Args:
            tenant: whose.
            mend: also mark what differs as changed, so that the indexer brings it up to date.
        """
        return [await self._collection(tenant, collection, mend=mend) for collection in self._sources]

    async def _collection(self, tenant: TenantId, collection: Collection, *, mend: bool) -> Difference:
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            waiting = await outbox.waiting(work)
        records = missing = different = extra = 0
        last = UUID(int=0)
        while True:
            async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
                page = await self._sources[collection].after(work, last, PAGE)
            if not page:
                break
            last = page[-1].id
            known = await self._index.digests(tenant, collection, [record.id for record in page])
            absent = [record.id for record in page if record.id not in known]
            other = [
                record.id
                for record in page
                if record.id in known and known[record.id] != digest_of(record.text, record.payload)
            ]
            records, missing, different = records + len(page), missing + len(absent), different + len(other)
            if mend:
                await self._mark(tenant, collection, [*absent, *other])
        async for ids in self._index.pages(tenant, collection):
            async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
                found = {record.id for record in await self._sources[collection].texts(work, ids)}
            gone = [one for one in ids if one not in found]
            extra += len(gone)
            if mend:
                await self._mark(tenant, collection, gone)
        return Difference(
            tenant=tenant,
            collection=collection,
            records=records,
            missing=missing,
            extra=extra,
            different=different,
            waiting=waiting,
        )

    async def _mark(self, tenant: TenantId, collection: Collection, ids: list[UUID]) -> None:
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            await outbox.mark_changed(work, collection, ids)
