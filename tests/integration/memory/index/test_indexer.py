"""The indexer, rebuilding and checking, over Postgres."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import pytest
from psycopg import AsyncConnection

from bench.support.fake_clock import FakeClock
from bench.support.vectors import DictIndex, HashEmbedder
from core.database import Database, UnitOfWork
from core.errors import ConfigurationError, ModelRejected, ModelUnavailable, StorageError
from core.ids import TenantId
from core.scopes import EVERY
from memory.index import PgVectorIndex, outbox
from memory.index.check import Checker
from memory.index.following import CurrentEmbedder, CurrentIndex
from memory.index.generations import OneGeneration, StoredGenerations
from memory.index.indexer import Indexer
from memory.index.rebuild import Progress, Rebuilder
from memory.ports import Collection, Embedder, Indexed, Source, VectorIndex, Vectors


class Notes:
    """A source whose rows are a dictionary."""

    def __init__(self) -> None:
        self.rows: dict[UUID, str] = {}

    async def texts(self, work: UnitOfWork, ids: Sequence[UUID]) -> list[Indexed]:
        return [self._row(one) for one in ids if one in self.rows]

    async def after(self, work: UnitOfWork, last: UUID, most: int) -> list[Indexed]:
        return [self._row(one) for one in sorted(self.rows) if one > last][:most]

    def _row(self, one: UUID) -> Indexed:
        return Indexed(id=one, text=self.rows[one], payload={"scope": "tenant"})


class CountingEmbedder(HashEmbedder):
    """Writes down what it is asked for; refuses texts with `refused`, or everything while it is down."""

    def __init__(self, version: int = 1) -> None:
        self.version = version
        self.asked: list[str] = []
        self.down = False

    @property
    def name(self) -> str:
        return f"hash-{self.version}"

    async def embed(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        if self.down:
            raise ModelUnavailable("the node is down")
        if any("refused" in text for text in texts):
            raise ModelRejected("the node refuses this")
        await asyncio.sleep(0)
        return await super().embed(texts)


Write = Callable[[dict[int, str | None]], Awaitable[None]]


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def sources(notes: Notes) -> dict[Collection, Source]:
    return {"note": notes}


@pytest.fixture
def embedder() -> CountingEmbedder:
    return CountingEmbedder()


@pytest.fixture
def write(database: Database, tenant: TenantId, notes: Notes) -> Write:
    """Write rows, or delete them, and mark them as changed."""

    async def change(rows: dict[int, str | None]) -> None:
        for number, text in rows.items():
            notes.rows.pop(UUID(int=number), None)
            if text is not None:
                notes.rows[UUID(int=number)] = text
        async with database.unit_of_work(tenant, scopes=EVERY) as work:
            await outbox.mark_changed(work, "note", [UUID(int=number) for number in rows])

    return change


async def found(index: VectorIndex, tenant: TenantId, embedder: Embedder, text: str) -> list[int]:
    (vector,) = await embedder.embed([text])
    hits = await index.search(tenant, "note", vector, text=text, limit=9)
    return [hit.id.int for hit in hits if hit.similarity > 0.1]


async def pass_time(admin: AsyncConnection) -> None:
    """Until all holds are over."""
    await admin.execute("UPDATE index_change SET held_until = '-infinity'")


async def test_what_changed_is_taken_in_once(
    database: Database,
    tenant: TenantId,
    sources: dict[Collection, Source],
    embedder: CountingEmbedder,
    write: Write,
) -> None:
    index = PgVectorIndex(database, embedder)
    indexer = Indexer(database, sources, OneGeneration(embedder, index))
    await write({1: "the walrus swims", 2: "a seal sleeps"})
    await write({2: "a seal sleeps"})
    assert await indexer.drain() == 3
    assert embedder.asked == ["the walrus swims", "a seal sleeps"]
    assert await found(index, tenant, HashEmbedder(), "walrus") == [1]
    await write({1: None, 2: "a seal wakes"})
    assert await indexer.drain(tenant) == 2
    assert embedder.asked[2:] == ["a seal wakes"]
    assert await index.count(tenant, "note") == 1
    assert await indexer.drain() == 0


async def test_an_embedder_that_is_down_loses_nothing(
    database: Database,
    admin: AsyncConnection,
    tenant: TenantId,
    sources: dict[Collection, Source],
    embedder: CountingEmbedder,
    write: Write,
) -> None:
    index = DictIndex()
    indexer = Indexer(database, sources, OneGeneration(embedder, index))
    await write({1: "walrus"})
    embedder.down = True
    with pytest.raises(ModelUnavailable):
        await indexer.drain()
    embedder.down = False
    assert await indexer.drain() == 0, "it is left alone for a while"
    await pass_time(admin)
    assert await indexer.drain() == 1
    assert await index.count(tenant, "note") == 1


async def test_a_text_that_is_refused_keeps_no_other_from_the_index(
    database: Database,
    tenant: TenantId,
    sources: dict[Collection, Source],
    embedder: CountingEmbedder,
    write: Write,
) -> None:
    index = DictIndex()
    await write({1: "walrus", 2: "refused", 3: "seal"})
    await Indexer(database, sources, OneGeneration(embedder, index)).drain()
    assert {one.int for one in index.points[tenant, "note"]} == {1, 3}
    async with database.unit_of_work(tenant, scopes=EVERY) as work:
        assert await outbox.waiting(work) == 1


async def test_what_a_dead_process_held_is_taken_by_another(
    database: Database,
    admin: AsyncConnection,
    tenant: TenantId,
    sources: dict[Collection, Source],
    embedder: CountingEmbedder,
    write: Write,
) -> None:
    index = DictIndex()
    indexer = Indexer(database, sources, OneGeneration(embedder, index))
    await write({1: "walrus"})
    lost = await outbox.take(database, None, ["note"], 10)
    await write({1: "seal"})
    assert await indexer.drain() == 0, "nobody works on a record that another holds"
    await pass_time(admin)
    assert await indexer.drain() == 2
    assert embedder.asked == ["seal"]
    await outbox.settle(database, lost)
    assert await indexer.drain() == 1, "it may have written what it had read long ago"


async def test_many_indexers_share_the_work(
    database: Database,
    tenant: TenantId,
    sources: dict[Collection, Source],
    embedder: CountingEmbedder,
    write: Write,
) -> None:
    index = PgVectorIndex(database, embedder)
    indexers = [Indexer(database, sources, OneGeneration(embedder, index)) for _ in range(3)]
    await write({n: f"walrus {n}" for n in range(1, 301)})
    done = await asyncio.gather(*(indexer.drain() for indexer in indexers))
    assert sum(done) == 300
    assert sorted(embedder.asked) == sorted(f"walrus {n}" for n in range(1, 301))
    assert await index.count(tenant, "note") == 300


class House:
    """Generations over Postgres, with embedders of versions that can be had or not."""

    def __init__(self, database: Database, sources: dict[Collection, Source]) -> None:
        self._database = database
        self.clock = FakeClock()
        self.embedders = {version: CountingEmbedder(version) for version in (1, 2)}
        self.generations = StoredGenerations(
            database,
            self.clock,
            self._open,
            self._make,
            chosen="1",
        )
        self.index = CurrentIndex(self.generations)
        self.embedder = CurrentEmbedder(self.generations)
        self.indexer = Indexer(database, sources, self.generations)
        self.rebuilder = Rebuilder(database, self.clock, self.generations, sources)
        self.checker = Checker(database, self.index, sources)

    def _make(self, embedder: Embedder, generation: int) -> VectorIndex:
        return PgVectorIndex(self._database, embedder, generation=generation)

    async def _open(self, name: str, dimensions: int | None) -> Embedder:
        if int(name) not in self.embedders:
            raise ConfigurationError(f"there is no embedder {name}")
        return self.embedders[int(name)]


@pytest.fixture
async def house(database: Database, sources: dict[Collection, Source]) -> House:
    made = House(database, sources)
    await made.index.prepare()
    return made


async def test_a_rebuild_switches_to_another_embedder(
    database: Database, tenant: TenantId, house: House, write: Write, notes: Notes
) -> None:
    await write({n: f"walrus {n}" for n in range(1, 700)})
    await house.indexer.drain()
    told: list[Progress] = []
    seen: list[str] = []

    def hear(progress: Progress) -> None:
        told.append(progress)
        seen.append(house.embedder.name)

    await house.embedder.embed(["x"])
    done = await house.rebuilder.rebuild(embedder="2", told=hear)
    assert (done.embedder, dict(done.records), done.removed) == ("hash-2", {"note": 699}, 1)
    assert [(one.records, one.expected) for one in told] == [(512, 699), (699, 699)]
    assert set(seen) == {"hash-1"}, "the old one is searched until the new one is whole"
    await house.embedder.embed(["x"])
    assert house.embedder.name == "hash-2"
    assert 5 in await found(house.index, tenant, house.embedder, "walrus 5")
    async with database.unit_of_work(tenant, scopes=EVERY) as work:
        rows = await work.fetch_all(b"SELECT DISTINCT generation FROM vector_point")
        counted = await work.fetch_all(b"SELECT DISTINCT generation FROM term_count")
    assert [row["generation"] for row in rows] == ["hash-2#2"] == [row["generation"] for row in counted]


async def test_what_changes_during_a_rebuild_is_in_both(tenant: TenantId, house: House, write: Write) -> None:
    await write({n: f"walrus {n}" for n in range(1, 6)})
    await house.indexer.drain()
    new = await house.generations.begin("2")
    await write({2: "pelican", 9: "seal", 3: None})
    await house.indexer.drain()
    old = await house.generations.current()
    assert await found(old.index, tenant, old.embedder, "pelican") == [2]
    assert await found(new.index, tenant, new.embedder, "pelican seal") == [2, 9]
    assert await old.index.count(tenant, "note") == 5


async def test_a_rebuild_that_breaks_off_leaves_the_old_one_in_use(
    tenant: TenantId, house: House, write: Write
) -> None:
    await write({n: f"walrus {n}" for n in range(1, 6)})
    await house.indexer.drain()
    house.embedders[2].down = True
    with pytest.raises(ModelUnavailable):
        await house.rebuilder.rebuild(embedder="2")
    house.clock.advance(60)
    await house.embedder.embed(["x"])
    assert house.embedder.name == "hash-1"
    assert len(await found(house.index, tenant, house.embedder, "walrus 1")) == 5
    done = await house.rebuilder.rebuild(embedder="1")
    assert done.removed == 2
    assert [row.state for row in await house.generations.rows()] == ["current"]
    assert [one.consistent for one in await house.checker.check(tenant)] == [True]


async def test_an_index_whose_embedder_is_gone_says_so_and_can_be_replaced(
    tenant: TenantId, database: Database, sources: dict[Collection, Source], house: House, write: Write
) -> None:
    await write({1: "walrus"})
    await house.rebuilder.rebuild(embedder="2")
    later = House(database, sources)
    del later.embedders[2]
    with pytest.raises(ConfigurationError, match="there is no embedder 2"):
        await later.index.prepare()
    with pytest.raises(StorageError):
        await later.embedder.embed(["x"])
    await later.rebuilder.rebuild(embedder="1")
    assert await found(later.index, tenant, later.embedder, "walrus") == [1]


async def test_a_check_finds_what_differs_and_mends_it(
    tenant: TenantId, house: House, write: Write, notes: Notes
) -> None:
    await write({n: f"walrus {n}" for n in range(1, 6)})
    await house.indexer.drain()
    del notes.rows[UUID(int=1)]
    notes.rows[UUID(int=2)] = "pelican"
    notes.rows[UUID(int=7)] = "seal"
    (before,) = await house.checker.check(tenant, mend=True)
    assert (before.records, before.missing, before.extra, before.different) == (5, 1, 1, 1)
    await house.indexer.drain()
    (after,) = await house.checker.check_all(most=100)
    assert after.consistent
    assert await house.checker.check_all(most=1) == []
