"""`python -m bench.memory.quality [--quick] [--friendsqa FOLDER] [--qmsum FOLDER]`: recall of evidence.

Each conversation is a tenant's notes in a real index in Postgres; each question is one search. Compared are
the embedder alone (the same one), words alone (BM25 with the same stemming), and both as Treehold joins them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from bench.memory.quality.generator import conversations
from bench.memory.quality.labelled import PUBLIC, Conversation, friendsqa, qmsum
from bench.memory.quality.lexical import Bm25
from bench.support.site import TemporarySite, temporary_site
from core.database import Database
from core.ids import TenantId
from memory.embedder import MiniLm
from memory.index import PgVectorIndex
from memory.ports import Point

DEPTHS = (5, 10, 25, 50)
ARMS = ("dense", "words", "hybrid")
SEED = 11

Search = Callable[[str, int], Awaitable[list[int]]]
"""From a question and a limit to places of turns, best first."""


@dataclass
class Found:
    """What one arm found in one set: shares of the evidence by depth, and seconds of each search."""

    shares: dict[int, list[float]] = field(default_factory=lambda: {depth: [] for depth in DEPTHS})
    seconds: list[float] = field(default_factory=list[float])
    words: list[int] = field(default_factory=list[int])

    def recall(self, depth: int) -> float:
        return round(100 * statistics.fmean(self.shares[depth]), 1)

    def p95(self) -> float:
        return round(1000 * statistics.quantiles(self.seconds, n=20)[-1], 1)

    def tokens(self) -> int:
        """In the 10 best results, at 4 tokens for 3 words."""
        return round(statistics.fmean(self.words) * 4 / 3)


async def measure(sets: dict[str, list[Conversation]]) -> dict[str, dict[str, Found]]:
    results = {name: {arm: Found() for arm in ARMS} for name in sets}
    embedder = MiniLm()
    async with temporary_site() as site, _database(site) as database:
        index = PgVectorIndex(database, embedder)
        for name, found in sets.items():
            for number, conversation in enumerate(found):
                print(f"{name}: {number + 1} of {len(found)}", file=sys.stderr, flush=True)
                arms = await _arms(site, index, embedder, conversation)
                for question in conversation.questions:
                    for arm, search in arms.items():
                        await _ask(results[name][arm], search, conversation, question.text, question.evidence)
    return results


async def _arms(
    site: TemporarySite, index: PgVectorIndex, embedder: MiniLm, conversation: Conversation
) -> dict[str, Search]:
    tenant = TenantId(uuid4())
    await site.admin.execute("INSERT INTO tenant (id, name) VALUES (%s, %s)", (tenant, str(tenant)))
    vectors = await embedder.embed(conversation.turns)
    places = enumerate(zip(conversation.turns, conversation.threads, strict=True))
    points = [
        Point(
            id=UUID(int=place),
            vector=vectors[place],
            text=turn,
            payload={"scope": "tenant", "thread": thread, "position": str(place)},
        )
        for place, (turn, thread) in places
    ]
    await index.upsert(tenant, "note", points)
    bm25 = Bm25(conversation.turns)

    async def dense(question: str, limit: int) -> list[int]:
        (vector,) = await embedder.embed([question])
        return [hit.id.int for hit in await index.search(tenant, "note", vector, limit=limit)]

    async def words(question: str, limit: int) -> list[int]:
        return bm25.best(question, limit)

    async def hybrid(question: str, limit: int) -> list[int]:
        (vector,) = await embedder.embed([question])
        hits = await index.search(tenant, "note", vector, text=question, limit=limit)
        return [hit.id.int for hit in hits]

    return {"dense": dense, "words": words, "hybrid": hybrid}


async def _ask(
    into: Found, search: Search, conversation: Conversation, question: str, evidence: frozenset[int]
) -> None:
    began = time.perf_counter()
    places = await search(question, max(DEPTHS))
    into.seconds.append(time.perf_counter() - began)
    into.words.append(sum(len(conversation.turns[place].split()) for place in places[:10]))
    for depth in DEPTHS:
        into.shares[depth].append(len(evidence & set(places[:depth])) / len(evidence))


@asynccontextmanager
async def _database(site: TemporarySite) -> AsyncGenerator[Database]:
    database = Database(site.conninfo, size=4)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def _sets(given: argparse.Namespace) -> dict[str, list[Conversation]]:
    sets = {"generated": conversations(3 if given.quick else 10, seed=SEED)}
    most = 2 if given.quick else None
    if given.friendsqa:
        for split in ("dev", "tst"):
            sets[f"friendsqa {split}"] = friendsqa(given.friendsqa, split)[:most]
    if given.qmsum:
        for split in ("val", "test"):
            sets[f"qmsum {split}"] = qmsum(given.qmsum, split)[:most]
    return sets


def show(results: dict[str, dict[str, Found]], sets: dict[str, list[Conversation]]) -> None:
    heads = "".join(f"{f'R@{depth}':>8}" for depth in DEPTHS)
    print(f"{'set':16} {'questions':>9} {'arm':8}{heads}{'tokens@10':>11}{'p95 ms':>8}")
    for name, arms in results.items():
        asked = sum(len(one.questions) for one in sets[name])
        for arm, found in arms.items():
            recalls = "".join(f"{found.recall(depth):8.1f}" for depth in DEPTHS)
            print(f"{name:16} {asked:9} {arm:8}{recalls}{found.tokens():11}{found.p95():8.1f}")


def figures(results: dict[str, dict[str, Found]]) -> dict[str, float]:
    named: dict[str, float] = {}
    for name, arms in results.items():
        for arm, found in arms.items():
            key = f"{name.replace(' ', '_')}_{arm}"
            named |= {f"{key}_r{depth}": found.recall(depth) for depth in DEPTHS}
            named[f"{key}_p95_ms"] = found.p95()
    return named


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few conversations")
    parser.add_argument("--friendsqa", type=Path, help=f"a checkout of {PUBLIC['friendsqa']}")
    parser.add_argument("--qmsum", type=Path, help=f"a checkout of {PUBLIC['qmsum']}")
    given = parser.parse_args(arguments)
    sets = _sets(given)
    results = asyncio.run(measure(sets))
    show(results, sets)
    for name, source in PUBLIC.items():
        if not getattr(given, name):
            print(f"{name} was not measured: give --{name} a checkout of {source}")
    print(json.dumps(figures(results)))


if __name__ == "__main__":
    main()
