"""From a warm start to the first event."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from bench.start import first_event
from tests.acceptance.cli.conftest import SECONDS, Command
from tests.acceptance.cli.folders import FACTS, filled


def test_a_first_task_imports_no_model_library(alone: dict[str, str], tmp_path: Path) -> None:
    """How soon its first event comes is told by `python -m bench.start`."""
    found = first_event(filled(tmp_path / "given", FACTS[0]), alone)
    assert (found["first"], found["status"]) == ("task.submitted", "done")
    assert found["heavy"] == []


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
