from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.postgres import keeper


def test_the_log_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "LOG_LIMIT", 100)
    log = keeper.Log(tmp_path / "postgres.log")
    for number in range(50):
        log.write(f"line {number:04}\n".encode())
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["postgres.log", "postgres.log.1"]
    assert all(file.stat().st_size <= 100 for file in files)
    assert "line 0049" in files[0].read_text()


def test_processes_are_known_by_their_command_lines() -> None:
    (line,) = [line for pid, line in keeper.command_lines() if pid == os.getpid()]
    assert sys.executable.encode() in line


def test_a_process_listing_is_read_like_the_kernels_own() -> None:
    listing = b"    1 /sbin/launchd\n  702 /x/bin/postgres -D /data/a b -c port=1\n"
    assert keeper.parsed_listing(listing) == [
        (1, b"/sbin/launchd "),
        (702, b"/x/bin/postgres -D /data/a b -c port=1 "),
    ]


def test_the_keeper_imports_nothing_but_the_standard_library() -> None:
    code = f"import runpy; runpy.run_path({keeper.__file__!r}, run_name='looked_at')"
    subprocess.run([sys.executable, "-I", "-S", "-E", "-c", code], check=True, cwd="/")
