from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import psycopg

from tests.integration.core.postgres.database_folder import (
    DatabaseFolder,
    address_from,
    alive,
    fetch,
    refuses,
    remember,
    remembers,
)


def kill(pids: Iterable[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def test_a_killed_user_lets_go_of_the_server(used: DatabaseFolder) -> None:
    user = used.user()
    address = address_from(user)
    kill([user.pid])
    used.eventually(used.stopped)
    assert refuses(address)


def test_a_killed_server_returns_on_its_port_with_its_data(used: DatabaseFolder) -> None:
    server = used.postgres()
    address = server.start()
    token = remember(address)
    kill([used.runtime().postmaster_pid])
    assert server.start() == address
    assert remembers(address, token)


def test_users_need_not_ask_for_the_killed_server(used: DatabaseFolder) -> None:
    address = used.postgres().start()
    first = used.runtime().postmaster_pid
    kill([first])
    used.eventually(lambda: not refuses(address))
    assert used.runtime().postmaster_pid != first


def test_a_busy_backend_of_a_killed_server_is_not_waited_for_long(used: DatabaseFolder) -> None:
    server = used.postgres()
    address = server.start()
    with closing(psycopg.connect(address.conninfo(), autocommit=True)) as connection:
        busy = connection.info.backend_pid
        connection.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 100000000000)")
        kill([used.runtime().postmaster_pid])
        assert fetch(server.start(), b"SELECT 1") == 1
        used.eventually(lambda: not alive(busy))


def test_a_killed_keeper_takes_its_server_along_and_the_next_start_works(used: DatabaseFolder) -> None:
    server = used.postgres()
    token = remember(server.start())
    killed = used.runtime()
    kill([killed.keeper_pid])
    used.eventually(lambda: not alive(killed.postmaster_pid))
    assert remembers(server.start(), token)
    assert used.runtime().keeper_pid != killed.keeper_pid


def test_a_server_that_survived_its_keeper_is_replaced_by_the_next_start(used: DatabaseFolder) -> None:
    server = used.postgres(tied=False)
    token = remember(server.start())
    killed = used.runtime()
    kill([killed.keeper_pid])
    used.eventually(lambda: not alive(killed.keeper_pid))
    assert alive(killed.postmaster_pid)
    assert remembers(server.start(), token)
    used.eventually(lambda: not alive(killed.postmaster_pid))


def test_keeper_and_server_killed_together(used: DatabaseFolder) -> None:
    server = used.postgres()
    token = remember(server.start())
    runtime = used.runtime()
    kill([runtime.keeper_pid, runtime.postmaster_pid])
    assert remembers(server.start(), token)


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


def test_a_pid_file_that_names_some_other_process_is_no_obstacle(used: DatabaseFolder) -> None:
    server = used.postgres()
    server.start()
    runtime = used.runtime()
    kill([runtime.keeper_pid, runtime.postmaster_pid])
    used.eventually(lambda: not alive(runtime.postmaster_pid))
    pid_file = Path(used.placement.data(), "postmaster.pid")
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    assert fetch(server.start(), b"SELECT 1") == 1


def test_the_port_taken_by_somebody_else_meanwhile(used: DatabaseFolder) -> None:
    server = used.postgres()
    address = server.start()
    runtime = used.runtime()
    kill([runtime.keeper_pid, runtime.postmaster_pid])
    used.eventually(lambda: not alive(runtime.postmaster_pid))
    with socket.create_server((address.host, address.port)):
        again = server.start()
        assert again.port != address.port
        assert fetch(again, b"SELECT 1") == 1
