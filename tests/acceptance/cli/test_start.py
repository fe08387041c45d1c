"""From a warm start to the first event."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from tests.acceptance.cli.conftest import SECONDS, Server
from tests.acceptance.cli.folders import FACTS, filled

SCRIPT = Path(__file__).with_name("first_event.py")

TARGET = 3.0
"""Seconds on a machine that does nothing else."""
CROWDED = 4
"""How much slower a machine full of other tests may be."""


def test_the_first_event_comes_soon_and_no_model_library_is_imported(
    server: Server, environment: dict[str, str], tmp_path: Path
) -> None:
    folder = filled(tmp_path / "given", FACTS[0])
    finished = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), str(time.monotonic())],
        env=environment | {"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    found = json.loads(finished.stdout)
    assert (found["first"], found["status"]) == ("task.submitted", "done")
    assert found["heavy"] == []
    assert found["seconds"] < TARGET * CROWDED
