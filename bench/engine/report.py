"""The figures as a table for people and as one object for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.engine.run import OURS, Cell, Row
from bench.engine.workloads import CHAIN, FANOUT, SPAWN

BASELINE = "langgraph_postgres"


def show(rows: Sequence[Row]) -> None:
    console = Console(width=160)
    _table(console, rows, CHAIN, "One agent's chain of 20 model calls, 20 ms each")
    _table(
        console,
        rows,
        SPAWN,
        "A lead, 3 workers of 3 calls each: 11 calls, 5 on the critical path, 20 ms each",
    )
    _table(
        console,
        rows,
        FANOUT,
        "A lead, 100 workers of one call each: 102 calls, 3 on the critical path, 1 s each",
    )
    kept = Table(title="What is on disk when the process is killed")
    for heading in ("framework", "versions", "kept"):
        kept.add_column(heading)
    for row in rows:
        kept.add_row(row.name, row.versions, row.keeps)
    console.print(kept)
    for row in rows:
        if row.fault is not None:
            console.print(f"{row.name} stopped: {row.fault}", markup=False)


def _table(console: Console, rows: Sequence[Row], workload: str, title: str) -> None:
    if not any(cell.workload == workload for row in rows for cell in row.cells):
        return
    table = Table(title=title)
    for heading in (
        "framework",
        "at once",
        "wall of a run, s",
        "overhead ms/call",
        "runs/s",
        "CPU ms/call",
        "Postgres CPU ms/call",
        "peak MB",
    ):
        table.add_column(heading, justify="left" if heading == "framework" else "right")
    for row in rows:
        for cell in row.cells:
            if cell.workload == workload:
                table.add_row(*_columns(row, cell))
    console.print(table)


def _columns(row: Row, cell: Cell) -> tuple[str, ...]:
    name = row.name if not cell.short else f"{row.name} ({cell.short} calls short)"
    return (
        name,
        str(cell.concurrency),
        f"{cell.wall_s:.3f}",
        f"{cell.overhead_ms:.1f}" if cell.concurrency == 1 else "",
        f"{cell.runs_per_s:.1f}",
        f"{cell.cpu_ms:.1f}",
        f"{cell.postgres_cpu_ms:.1f}",
        str(cell.rss_mb),
    )


def figures(rows: Sequence[Row], *, load: float) -> dict[str, Any]:
    """`load` is the machine's, as the benchmark began."""
    overhead = {
        row.name: cell.overhead_ms for row in rows for cell in _cells(row, CHAIN) if cell.concurrency == 1
    }
    ours, baseline = overhead.get(OURS[0]), overhead.get(BASELINE)
    return {
        "bench": "engine",
        "load_before": round(load, 2),
        "overhead_ratio_langgraph_postgres": round(ours / baseline, 3) if ours and baseline else None,
        "overhead_ms_per_call": overhead,
        "spawn3_per_s": {
            row.name: {str(cell.concurrency): cell.runs_per_s for cell in _cells(row, SPAWN)} for row in rows
        },
        "fanout100_wall_s": {
            row.name: {str(cell.concurrency): cell.wall_s for cell in _cells(row, FANOUT)} for row in rows
        },
        "faults": {row.name: row.fault for row in rows if row.fault is not None},
        "rows": [asdict(row) for row in rows],
    }


def _cells(row: Row, workload: str) -> list[Cell]:
    return [cell for cell in row.cells if cell.workload == workload]
