from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.core.postgres.database_folder import (
    DatabaseFolder,
    alive,
    fetch,
    refuses,
    remember,
    remembers,
)


def test_a_fresh_server_serves_and_is_gone_after_its_last_release(folder: DatabaseFolder) -> None:
    server = folder.postgres()
    address = server.start()
    assert fetch(address, b"SELECT current_database() || ' ' || current_user") == "treehold treehold_admin"
    runtime = folder.runtime()
    server.release()
    folder.eventually(lambda: not alive(runtime.keeper_pid))
    assert refuses(address)
    assert not alive(runtime.postmaster_pid)
    assert folder.stopped()


def test_the_server_stays_for_its_second_user(used: DatabaseFolder) -> None:
    first, second = used.postgres(), used.postgres()
    address = first.start()
    assert second.start() == address
    keeper = used.runtime().keeper_pid
    first.release()
    first.release()
    other = used.user()
    assert other.stdout is not None
    other.stdout.readline()
    second.release()
    assert fetch(address, b"SELECT 1") == 1
    assert used.runtime().keeper_pid == keeper


def test_data_outlives_the_server(used: DatabaseFolder) -> None:
    server = used.postgres()
    with server as address:
        token = remember(address)
    used.eventually(used.stopped)
    with server as address:
        assert remembers(address, token)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("fsync", "on"),
        ("synchronous_commit", "on"),
        ("listen_addresses", "127.0.0.1"),
        ("unix_socket_directories", ""),
        ("password_encryption", "scram-sha-256"),
        ("max_connections", "200"),
        ("server_encoding", "UTF8"),
    ],
)
def test_the_server_is_durable_and_local(shared: DatabaseFolder, setting: str, value: str) -> None:
    with shared.postgres() as address:
        assert fetch(address, f"SHOW {setting}".encode()) == value


def test_nobody_enters_without_the_password(shared: DatabaseFolder) -> None:
    with shared.postgres() as address:
        assert refuses(replace(address, password="guess"))
        assert (
            fetch(address, b"SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'scram-sha-256'")
            == 0
        )
        assert address.password not in repr(address)


def test_files_are_private(shared: DatabaseFolder) -> None:
    with shared.postgres():
        place = shared.placement
        assert stat.S_IMODE(place.data().stat().st_mode) == 0o700
        for path in (place.password, place.runtime, place.log, place.users, place.transition):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_the_keeper_is_out_of_reach_of_the_terminal(shared: DatabaseFolder) -> None:
    with shared.postgres():
        assert os.getsid(shared.runtime().keeper_pid) != os.getsid(0)


def test_pgvector_is_there(shared: DatabaseFolder) -> None:
    with shared.postgres() as address:
        query = b"SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'"
        assert fetch(address, query) == 1


def test_describe_tells_and_changes_nothing(folder: DatabaseFolder) -> None:
    server = folder.postgres()
    before = server.describe()
    assert (before.running, before.initialised, before.port) == (False, False, None)
    assert not folder.path.exists()
    with server as address:
        facts = server.describe()
        assert (facts.running, facts.initialised, facts.port) == (True, True, address.port)
        assert facts.cluster == folder.placement.data()
        assert "18" in facts.version
        assert facts.user not in {None, "root"}


def test_deleting_the_folder_ends_the_server(folder: DatabaseFolder) -> None:
    address = folder.postgres().start()
    keeper = folder.runtime().keeper_pid
    folder.path.rename(folder.path.with_name("gone"))
    folder.eventually(lambda: not alive(keeper))
    assert refuses(address)
    assert Path(folder.path.with_name("gone"), "data", "PG_VERSION").exists()
