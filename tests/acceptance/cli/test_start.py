"""From a warm start to the first event."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

from tests.acceptance.cli.conftest import SECONDS, Command, start
from tests.acceptance.cli.folders import FACTS, filled

SCRIPT = Path(__file__).with_name("first_event.py")

TARGET = 3.0
"""Seconds on a machine that does nothing else."""
CROWDED = 4
"""How much slower a machine full of other tests may be."""


def test_the_first_event_comes_soon_and_no_model_library_is_imported(
    alone: dict[str, str], tmp_path: Path
) -> None:
    folder = filled(tmp_path / "given", FACTS[0])
    with start(alone, "tasks") as warming:
        warming.communicate(timeout=SECONDS)
    finished = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), str(time.monotonic())],
        env=alone | {"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    found = json.loads(finished.stdout)
    assert (found["first"], found["status"]) == ("task.submitted", "done")
    assert found["heavy"] == []
    assert found["seconds"] < TARGET * CROWDED


def test_help_and_version_import_nothing_heavy() -> None:
    script = "import sys; from cli.app import invoke; invoke(sys.argv[1:]); print(*sys.modules)"
    heavy = {
        "celery",
        "fastapi",
        "httpx",
        "langgraph",
        "numpy",
        "psycopg",
        "rich.console",
        "treehold",
    }
    for arguments in (["--help"], ["run", "--help"], ["--version"]):
        finished = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=True,
        )
        assert finished.stderr == ""
        assert not heavy & set(finished.stdout.splitlines()[-1].split())


def test_what_help_says_and_the_version(process: Command) -> None:
    shown = process("--help")
    assert shown.status == 0
    assert "3 done, but the answer is partial" in " ".join(shown.out.split())
    assert process("--version").out == f"treehold {version('treehold-platform')}\n"
