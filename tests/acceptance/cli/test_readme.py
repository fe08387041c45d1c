"""What README.md tells a reader to type."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from tests.acceptance.cli.conftest import SECONDS, Server

ROOT = Path(__file__).parents[3]


def test_the_sdk_snippet_runs_as_it_is_printed(server: Server) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    (block,) = [block for block in blocks if block.startswith(".venv/bin/python -")]
    finished = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=ROOT,
        env={**os.environ, "TREEHOLD_URL": server.url, "TREEHOLD_KEY": server.key},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert (finished.returncode, finished.stderr) == (0, "")
    assert re.search(r"^laws\.md:\d+$", finished.stdout, re.M)
