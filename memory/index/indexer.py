"""The indexer: brings the index up to date with rows that changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from uuid import UUID

from core.database import Database
from core.errors import ModelError, StorageError
from core.ids import TenantId
from core.scopes import EVERY
from memory.index import outbox
from memory.index.outbox import Change
from memory.index.points import digest_of
from memory.ports import Collection, Generation, Generations, Indexed, Point, Source

log = logging.getLogger(__name__)

BATCH = 128
"""Changes taken at a time: MiniLM embeds as many in under a second."""


class Indexer:
    """Any number may run, in any process: a record is worked on by one at a time.

    It reads the rows as they are, so that what it does can be repeated, and no order matters.

    Args:
        database: where rows and changes are.
        sources: how to read the rows of each collection; changes of others are left alone.
        generations: the indexes to write to.
        sweep: seconds between two looks.
    """

    def __init__(
        self,
        database: Database,
        sources: Mapping[Collection, Source],
        generations: Generations,
        *,
        sweep: float = 1.0,
    ) -> None:
        self._database = database
        self._sources = sources
        self._generations = generations
        self._sweep = sweep

    async def run(self) -> None:
        """Until cancelled; outlives a Postgres, an index or an embedder that goes away for a while."""
        while True:
            try:
                await self.drain()
            except (StorageError, ModelError) as error:
                log.warning("indexer.interrupted", extra={"reason": error.message})
            await asyncio.sleep(self._sweep)

    async def drain(self, tenant: TenantId | None = None) -> int:
        """Take in all that can be taken, of one tenant if it is named; returns how many changes.

        Raises:
            StorageError, ModelError: what failed is put back and tried again later, longer each time.
        """
        done = 0
        while taken := await outbox.take(self._database, tenant, self._sources.keys(), BATCH):
            await self._take_in(taken)
            done += len(taken)
        return done

    async def _take_in(self, taken: Sequence[Change]) -> None:
        try:
            await self._write(taken)
        except (StorageError, ModelError) as error:
            if error.retryable or len(taken) == 1:
                await outbox.put_back(self._database, taken)
                raise
            await self._one_by_one(taken)
            return
        except asyncio.CancelledError:
            await asyncio.shield(outbox.put_back(self._database, taken))
            raise
        await outbox.settle(self._database, taken)

    async def _one_by_one(self, taken: Sequence[Change]) -> None:
        """One of them is refused; the others must not wait for it."""
        for change in taken:
            try:
                await self._write([change])
            except (StorageError, ModelError) as error:
                log.warning("indexer.refused", extra={"record": str(change.record), "reason": error.message})
                await outbox.put_back(self._database, [change])
            else:
                await outbox.settle(self._database, [change])

    async def _write(self, taken: Sequence[Change]) -> None:
        """Rows first, then which generations are live: one begun since then reads these rows by itself."""
        tenant, collection = taken[0].tenant, taken[0].collection
        ids = sorted({change.record for change in taken})
        async with self._database.unit_of_work(tenant, scopes=EVERY) as work:
            records = {record.id: record for record in await self._sources[collection].texts(work, ids)}
        gone = [one for one in ids if one not in records]
        for generation in await self._generations.live():
            if gone:
                await generation.index.delete(tenant, collection, gone)
            await _put(generation, tenant, collection, records)


async def _put(
    generation: Generation, tenant: TenantId, collection: Collection, records: Mapping[UUID, Indexed]
) -> None:
    """Only what differs from what is there: embedding is what costs."""
    known = await generation.index.digests(tenant, collection, list(records))
    changed = [
        record
        for record in records.values()
        if known.get(record.id) != digest_of(record.text, record.payload)
    ]
    if not changed:
        return
    vectors = await generation.embedder.embed([record.text for record in changed])
    points = [
        Point(id=record.id, vector=vector, text=record.text, payload=record.payload)
        for record, vector in zip(changed, vectors, strict=True)
    ]
    await generation.index.upsert(tenant, collection, points)
