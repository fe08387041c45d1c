from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

import pytest

from core.errors import StorageError
from core.postgres.files import locked, open_lock, read_private, try_lock, write_private


def test_written_files_are_private_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "note"
    write_private(path, "first")
    write_private(path, "second")
    assert read_private(path) == "second"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_neither_read_nor_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "note").symlink_to(tmp_path / "secret")
    with pytest.raises(OSError, match="symbolic links"):
        read_private(tmp_path / "note")


def test_a_lock_that_is_not_given_up_ends_in_an_error(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with (
        locked(path, deadline=time.monotonic()),
        pytest.raises(StorageError, match="held by another process"),
        locked(path, deadline=time.monotonic()),
    ):
        pass


def test_users_share_a_lock_that_its_ender_must_have_alone(tmp_path: Path) -> None:
    first, second, ender = (open_lock(tmp_path / "users") for _ in range(3))
    assert try_lock(first, fcntl.LOCK_SH)
    assert try_lock(second, fcntl.LOCK_SH)
    os.close(first)
    assert not try_lock(ender, fcntl.LOCK_EX)
    os.close(second)
    assert try_lock(ender, fcntl.LOCK_EX)
    os.close(ender)
