from __future__ import annotations

import os
import shutil

import pytest

from core.errors import ConfigurationError
from tests.integration.core.postgres.database_folder import DatabaseFolder, fetch, remember, remembers


def test_a_cluster_of_another_major_version_names_both_versions(folder: DatabaseFolder) -> None:
    with folder.postgres():
        version = folder.placement.data() / "PG_VERSION"
    folder.eventually(folder.stopped)
    version.write_text("16\n")
    with pytest.raises(ConfigurationError, match=r"Postgres 16 .* Postgres 18: dump it .*another folder"):
        folder.postgres().start()
    version.write_text("18\n")
    with folder.postgres() as address:
        assert fetch(address, b"SELECT 1") == 1


def test_a_lost_password_is_said(folder: DatabaseFolder) -> None:
    with folder.postgres():
        pass
    folder.eventually(folder.stopped)
    secret = folder.placement.password.read_text()
    folder.placement.password.unlink()
    with pytest.raises(ConfigurationError, match="password is missing"):
        folder.postgres().start()
    folder.placement.password.write_text("another")
    with pytest.raises(ConfigurationError, match="not the password"):
        folder.postgres().start()
    folder.placement.password.write_text(secret)
    with folder.postgres() as address:
        assert fetch(address, b"SELECT 1") == 1


def test_a_folder_closed_to_the_servers_user(folder: DatabaseFolder) -> None:
    """Under root the cluster goes where its user can reach it; an ordinary user keeps it in the folder."""
    folder.path.mkdir(mode=0o700)
    with folder.postgres() as address:
        token = remember(address)
    folder.eventually(folder.stopped)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    home = folder.state_root / "clusters" if os.geteuid() == 0 else folder.path
    assert folder.placement.data().is_relative_to(home)
    assert folder.placement.users.exists()
    with folder.postgres() as address:
        assert remembers(address, token)


def test_a_closed_folder_deleted_and_made_again_begins_afresh(folder: DatabaseFolder) -> None:
    for _ in range(2):
        folder.path.mkdir(mode=0o700)
        with folder.postgres() as address:
            fetch(address, b"CREATE TABLE fresh ()")
        folder.eventually(folder.stopped)
        shutil.rmtree(folder.path)
