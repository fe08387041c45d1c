from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys, warnings
from pathlib import Path
from cli import logs
logs.to_file(Path(sys.argv[1]))
with warnings.catch_warnings():
    warnings.warn("SOCKS support in urllib3 requires the installation of optional dependencies")
    warnings.warn("something new")
"""

JSON_SCRIPT = """
import asyncio, logging
from uuid import UUID
from cli import logs
from core.bound import bound
from core.tracing import TraceContext, within
logs.to_stderr("json")
log = logging.getLogger("part")

async def turn():
    try:
        raise ValueError("line one\\nline two")
    except ValueError:
        log.exception("turn.failed", extra={"fence": 3, "agent": "another"})

async def main():
    with bound(task=UUID(int=1), agent=UUID(int=2)), within(TraceContext(trace="a" * 32, span="b" * 16)):
        running = asyncio.create_task(turn())
    await running
    log.warning("outside")

asyncio.run(main())
"""


def test_a_library_that_is_not_needed_is_not_missed_in_the_log(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], check=True, timeout=60)
    written = (tmp_path / "treehold.log").read_text()
    assert "something new" in written
    assert "SOCKS" not in written


def test_each_line_is_an_object_that_names_what_it_is_about() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", JSON_SCRIPT], check=True, timeout=60, capture_output=True, text=True
    )
    first, second = [json.loads(line) for line in ended.stderr.splitlines()]
    assert {
        "level": "ERROR",
        "logger": "part",
        "message": "turn.failed",
        "task": "00000000-0000-0000-0000-000000000001",
        "agent": "another",
        "fence": 3,
        "trace_id": "a" * 32,
        "span_id": "b" * 16,
    }.items() <= first.items()
    assert "line two" in first["exception"]
    assert second["message"] == "outside"
    assert not {"task", "agent", "trace_id", "exception"} & set(second)
