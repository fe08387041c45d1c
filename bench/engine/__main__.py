"""`python -m bench.engine [--quick]`: what the engine costs beside other frameworks."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys

from bench.engine.frameworks import FRAMEWORKS
from bench.engine.frameworks import QUICK as QUICK_FRAMEWORKS
from bench.engine.report import figures, show
from bench.engine.run import FULL, OURS, QUICK, Plan, Row, own_row, peer_row, stage
from bench.engine.workloads import WORKLOADS
from bench.support.site import temporary_site


async def measure(names: list[str], plan: Plan) -> list[Row]:
    """One row for each, ours first."""
    async with temporary_site() as site, stage(site) as on:
        rows = [await own_row(on, name, plan, _tell) for name in OURS if name in names]
        for framework in FRAMEWORKS:
            if framework.name in names:
                rows.append(await peer_row(on, framework, plan, _tell))
    return rows


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    everybody = [*OURS, *(framework.name for framework in FRAMEWORKS)]
    parser.add_argument("--quick", action="store_true", help="few frameworks, few runs")
    parser.add_argument("--only", nargs="+", choices=everybody, help="these frameworks")
    parser.add_argument("--workloads", nargs="+", choices=list(WORKLOADS), help="these workloads")
    parser.add_argument("--at-once", nargs="+", type=int, help="these concurrencies")
    given = parser.parse_args()
    names = given.only or ([OURS[0], *QUICK_FRAMEWORKS] if given.quick else everybody)
    plan: Plan = {
        name: [size for size in sizes if given.at_once is None or size[0] in given.at_once]
        for name, sizes in (QUICK if given.quick else FULL).items()
        if given.workloads is None or name in given.workloads
    }
    load = os.getloadavg()[0]
    rows = asyncio.run(measure(names, plan))
    show(rows)
    print(json.dumps(figures(rows, load=load)))
    if any(row.fault is not None and row.name in OURS for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
