from __future__ import annotations

import threading

import pytest

from core.postgres import PostgresAddress
from tests.integration.core.postgres.database_folder import DatabaseFolder, address_from, fetch


@pytest.mark.parametrize("count", [2, 10])
def test_processes_that_race_on_a_fresh_folder_share_one_server(folder: DatabaseFolder, count: int) -> None:
    processes = [folder.user() for _ in range(count)]
    addresses = {address_from(process) for process in processes}
    assert len(addresses) == 1
    (address,) = addresses
    assert fetch(address, b"SELECT 1") == 1


def test_threads_that_race_on_a_fresh_folder_share_one_server(folder: DatabaseFolder) -> None:
    found: list[PostgresAddress] = []
    threads = [threading.Thread(target=lambda: found.append(folder.postgres().start())) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    assert len(set(found)) == 1


def test_users_that_come_and_go_always_find_a_server(used: DatabaseFolder) -> None:
    def come_and_go() -> None:
        for _ in range(8):
            with used.postgres() as address:
                answers.append(fetch(address, b"SELECT 1"))

    answers: list[object] = []
    threads = [threading.Thread(target=come_and_go) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [1] * 24
