"""`python -m bench.memory [--quick]`: recall, writing and rebuilding, from a thousand records to a million.

Recall goes through `Memory` with its guard, and embeds its question with MiniLM; no model is called. How the
records' vectors were made is told in `bench.memory.corpus`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.memory.corpus import Corpus
from bench.memory.mem0 import measure_mem0
from bench.memory.qdrant import InQdrant, measure_qdrant
from bench.memory.scale import Size, Timing, opened
from bench.support.site import temporary_site
from memory.embedder import MiniLm

SIZES = (1_000, 10_000, 100_000, 1_000_000)
QUICK_SIZES = (1_000, 10_000)
REBUILT, IN_QDRANT = 100_000, 100_000
BASES = 3_000


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Sizes, and how much is measured at each."""

    sizes: tuple[int, ...]
    questions: int
    writes: int
    rebuilt: int
    in_qdrant: int
    qdrant_url: str | None


@dataclass(kw_only=True)
class Results:
    sizes: list[Size] = field(default_factory=list[Size])
    rebuild_seconds: float | None = None
    embedded_a_second: float = 0.0
    qdrant: InQdrant | None = None
    mem0: dict[int, Timing] = field(default_factory=dict[int, Timing])
    faults: list[str] = field(default_factory=list[str])


async def measure(plan: Plan) -> Results:
    results, real = Results(), MiniLm()
    _tell(f"embedding {BASES} goals")
    began = asyncio.get_running_loop().time()
    corpus = await Corpus.embedded(real, BASES)
    results.embedded_a_second = BASES / (asyncio.get_running_loop().time() - began)
    async with temporary_site() as site, opened(site, corpus, real) as bench:
        for size in plan.sizes:
            _tell(f"{size:,} records")
            results.sizes.append(await bench.grow(size, questions=plan.questions, writes=plan.writes))
            if size == plan.in_qdrant:
                _tell(f"{size:,} records in Qdrant")
                results.qdrant = await measure_qdrant(
                    bench, corpus, size, url=plan.qdrant_url, questions=plan.questions
                )
            if size <= plan.in_qdrant:
                _tell(f"{size:,} records in mem0")
                timing, fault = await measure_mem0(
                    site, corpus, size, bench.questions(plan.questions, 4), real
                )
                if timing is not None:
                    results.mem0[size] = timing
                if fault is not None:
                    results.faults.append(f"mem0 at {size:,}: {fault}")
            if size == plan.rebuilt:
                _tell(f"rebuilding the index of {size:,} records")
                results.rebuild_seconds = await bench.rebuild()
    return results


def show(results: Results) -> None:
    names = ("recall", "embedding", "index hybrid", "index dense", "plain pgvector", "write")
    print("milliseconds, p50 / p95")
    print(f"{'records':>10}" + "".join(f"{name:>18}" for name in (*names, "mem0")))
    for size in results.sizes:
        cells = [size.timings[name] for name in names]
        mem0 = results.mem0.get(size.records)
        shown = [f"{one.p50:.1f} / {one.p95:.1f}" for one in cells]
        shown.append(f"{mem0.p50:.1f} / {mem0.p95:.1f}" if mem0 else "-")
        print(f"{size.records:>10,}" + "".join(f"{one:>18}" for one in shown))
    print()
    for size in results.sizes:
        spent = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in size.filled.items())
        print(
            f"{size.records:>10,}: index {size.index_bytes / 1e6:,.0f} MB on disk, plain pgvector "
            f"{size.plain_bytes / 1e6:,.0f} MB, this process {size.peak_megabytes:,} MB; filled in {spent}"
        )
    if results.rebuild_seconds is not None:
        print(
            f"rebuild: {results.rebuild_seconds:.0f} s without embedding; MiniLM embeds "
            f"{results.embedded_a_second:.0f} such goals a second here"
        )
    if results.qdrant is not None:
        print(results.qdrant.in_words())
    for fault in results.faults:
        print(f"not measured: {fault}")


def figures(results: Results) -> dict[str, float | str]:
    found: dict[str, float | str] = {"load": round(os.getloadavg()[0], 1)}
    for size in results.sizes:
        label = {1_000: "1k", 10_000: "10k", 100_000: "100k", 1_000_000: "1m"}.get(
            size.records, str(size.records)
        )
        found[f"recall_p50_ms_{label}"] = size.timings["recall"].p50
        found[f"recall_p95_ms_{label}"] = size.timings["recall"].p95
        found[f"embedding_p50_ms_{label}"] = size.timings["embedding"].p50
        found[f"index_hybrid_p50_ms_{label}"] = size.timings["index hybrid"].p50
        found[f"index_dense_p50_ms_{label}"] = size.timings["index dense"].p50
        found[f"plain_pgvector_p50_ms_{label}"] = size.timings["plain pgvector"].p50
        found[f"write_ms_{label}"] = size.timings["write"].p50
        found[f"index_mb_{label}"] = round(size.index_bytes / 1e6, 1)
        if size.records in results.mem0:
            found[f"mem0_search_p50_ms_{label}"] = results.mem0[size.records].p50
    if results.rebuild_seconds is not None:
        found["rebuild_s_100k"] = round(results.rebuild_seconds, 1)
    found["embedded_a_second"] = round(results.embedded_a_second, 1)
    if results.qdrant is not None:
        found |= results.qdrant.figures()
    return found


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="up to 10,000 records")
    parser.add_argument("--sizes", type=int, nargs="+", help="these sizes, ascending")
    parser.add_argument(
        "--qdrant-url", help="a Qdrant server; without one the client's own local mode is measured"
    )
    given = parser.parse_args(arguments)
    sizes = tuple(given.sizes or (QUICK_SIZES if given.quick else SIZES))
    plan = Plan(
        sizes=sizes,
        questions=50 if given.quick else 200,
        writes=20 if given.quick else 60,
        rebuilt=REBUILT,
        in_qdrant=min(IN_QDRANT, max(sizes)) if given.quick else IN_QDRANT,
        qdrant_url=given.qdrant_url,
    )
    results = asyncio.run(measure(plan))
    show(results)
    print(json.dumps(figures(results)))


if __name__ == "__main__":
    main()
