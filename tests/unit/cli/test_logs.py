from __future__ import annotations

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


def test_a_library_that_is_not_needed_is_not_missed_in_the_log(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", SCRIPT, str(tmp_path)], check=True, timeout=60)
    written = (tmp_path / "treehold.log").read_text()
    assert "something new" in written
    assert "SOCKS" not in written
