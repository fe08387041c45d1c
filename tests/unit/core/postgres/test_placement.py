from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from core.postgres import EmbeddedPostgres
from core.postgres.placement import Placement


def contents(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*"))


def test_a_strangers_folder_is_refused_and_not_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match=r"not empty \(it holds thesis.txt\): empty it, or choose"):
        EmbeddedPostgres(tmp_path).start()
    assert contents(tmp_path) == ["thesis.txt"]


def test_somebody_elses_cluster_is_refused_with_both_versions(tmp_path: Path) -> None:
    (tmp_path / "PG_VERSION").write_text("15\n")
    with pytest.raises(ConfigurationError, match=r"Postgres 15 cluster.*Postgres 18"):
        EmbeddedPostgres(tmp_path).start()
    assert contents(tmp_path) == ["PG_VERSION"]


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="is not a folder"):
        EmbeddedPostgres(tmp_path / "file").start()


def test_what_racing_starts_leave_is_ours(tmp_path: Path) -> None:
    for name in ("transition.lock", "users.lock", "password.77.new", "init-abc", "postgres.log.1"):
        (tmp_path / name).write_text("")
    Placement(folder=tmp_path).prepare()


def test_a_new_folder_can_only_be_passed_through(tmp_path: Path) -> None:
    Placement(folder=tmp_path / "new").prepare()
    assert (tmp_path / "new").stat().st_mode & 0o777 == (0o711 if os.geteuid() == 0 else 0o700)


def test_files_in_the_place_of_the_cluster_are_kept(tmp_path: Path) -> None:

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "photo.jpg").write_text("")
    with pytest.raises(ConfigurationError, match=r"not a Postgres cluster|belongs to root"):
        EmbeddedPostgres(tmp_path, state_root=tmp_path / "state").start()
    assert (tmp_path / "data" / "photo.jpg").exists()
