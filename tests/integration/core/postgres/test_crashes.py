from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterable
from pathlib import Path

import psycopg

from tests.integration.core.postgres.database_folder import (
    DatabaseFolder,
    address_from,
    alive,
    fetch,
    refuses,
)


def kill(pids: Iterable[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_a_killed_user_lets_go_of_the_server(folder: DatabaseFolder) -> None:
    user = folder.user()
    address = address_from(user)
    kill([user.pid])
    folder.eventually(folder.stopped)
    assert refuses(address)


def test_a_killed_server_returns_on_its_port_with_its_data(folder: DatabaseFolder) -> None:
    server = folder.postgres()
    address = server.start()
    fetch(address, b"CREATE TABLE kept AS SELECT 42 AS value")
    kill([folder.runtime().postmaster_pid])
    assert server.start() == address
    assert fetch(address, b"SELECT value FROM kept") == 42


def test_users_need_not_ask_for_the_killed_server(folder: DatabaseFolder) -> None:
    address = folder.postgres().start()
    first = folder.runtime().postmaster_pid
    kill([first])
    folder.eventually(lambda: not refuses(address))
    assert folder.runtime().postmaster_pid != first


def test_a_busy_backend_of_a_killed_server_is_not_waited_for_long(folder: DatabaseFolder) -> None:
    server = folder.postgres()
    address = server.start()
    with psycopg.connect(address.conninfo(), autocommit=True) as connection:
        busy = connection.info.backend_pid
        connection.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 100000000000)")
        kill([folder.runtime().postmaster_pid])
        assert fetch(server.start(), b"SELECT 1") == 1
        assert not alive(busy)


def test_a_killed_keeper_takes_its_server_along_and_the_next_start_works(folder: DatabaseFolder) -> None:
    server = folder.postgres()
    fetch(server.start(), b"CREATE TABLE kept AS SELECT 42 AS value")
    killed = folder.runtime()
    kill([killed.keeper_pid])
    folder.eventually(lambda: not alive(killed.postmaster_pid))
    assert fetch(server.start(), b"SELECT value FROM kept") == 42
    assert folder.runtime().keeper_pid != killed.keeper_pid


def test_a_server_that_survived_its_keeper_is_replaced_by_the_next_start(folder: DatabaseFolder) -> None:
    server = folder.postgres(tied=False)
    fetch(server.start(), b"CREATE TABLE kept AS SELECT 42 AS value")
    killed = folder.runtime()
    kill([killed.keeper_pid])
    assert alive(killed.postmaster_pid)
    assert fetch(server.start(), b"SELECT value FROM kept") == 42
    assert not alive(killed.postmaster_pid)


def test_keeper_and_server_killed_together(folder: DatabaseFolder) -> None:
    server = folder.postgres()
    fetch(server.start(), b"CREATE TABLE kept AS SELECT 42 AS value")
    runtime = folder.runtime()
    kill([runtime.keeper_pid, runtime.postmaster_pid])
    assert fetch(server.start(), b"SELECT value FROM kept") == 42


def test_a_user_killed_in_the_middle_of_initdb_leaves_nothing_half_made(folder: DatabaseFolder) -> None:
    user = folder.user()
    folder.eventually(lambda: any(folder.path.glob("init-*/data/PG_VERSION")))
    kill([user.pid])
    with folder.postgres() as address:
        assert fetch(address, b"SELECT 1") == 1
    assert not list(folder.path.glob("init-*"))


def test_a_half_made_cluster_is_made_anew(folder: DatabaseFolder) -> None:
    half = folder.path / "init-killed" / "data"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with folder.postgres() as address:
        assert fetch(address, b"SELECT 1") == 1
    assert not half.exists()


def test_a_pid_file_that_names_some_other_process_is_no_obstacle(folder: DatabaseFolder) -> None:
    server = folder.postgres()
    server.start()
    runtime = folder.runtime()
    kill([runtime.keeper_pid, runtime.postmaster_pid])
    folder.eventually(lambda: not alive(runtime.postmaster_pid))
    pid_file = Path(folder.placement.data(), "postmaster.pid")
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert fetch(server.start(), b"SELECT 1") == 1


def test_the_port_taken_by_somebody_else_meanwhile(folder: DatabaseFolder) -> None:
    server = folder.postgres()
    address = server.start()
    runtime = folder.runtime()
    kill([runtime.keeper_pid, runtime.postmaster_pid])
    folder.eventually(lambda: not alive(runtime.postmaster_pid))
    with socket.create_server((address.host, address.port)):
        again = server.start()
        assert again.port != address.port
        assert fetch(again, b"SELECT 1") == 1
