"""From the command to the first event, in a data folder that has been used before.

`python -m bench.start [--quick]` starts a process each time, with the embedded default, and tells how long
its first event took, from before the process was there. Postgres is stopped in between, as after any
`treehold run`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "bench" / "support" / "first_event.py"
RUNS, QUICK_RUNS = 10, 3
SECONDS = 120.0


def first_event(folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Start the embedded host on a folder of documents and submit; what that process saw."""
    finished = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), str(time.monotonic())],
        env=environment | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    return json.loads(finished.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_RUNS} starts instead of {RUNS}")
    runs = QUICK_RUNS if parser.parse_args().quick else RUNS
    with tempfile.TemporaryDirectory(prefix="treehold-bench-") as made:
        given = Path(made, "given")
        given.mkdir()
        (given / "lighthouse.md").write_text("The lighthouse keeper is called Ada Morris.\n")
        environment = os.environ | {"TREEHOLD_DATA_DIR": str(Path(made, "data"))}
        first_event(given, environment)
        seconds = sorted(first_event(given, environment)["seconds"] for _ in range(runs))
    figures = {
        "runs": runs,
        "first_event_s_p50": round(statistics.median(seconds), 3),
        "first_event_s_min": round(seconds[0], 3),
        "first_event_s_max": round(seconds[-1], 3),
    }
    Console().print(f"first event after {figures['first_event_s_p50']} s (median of {runs} warm starts)")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
