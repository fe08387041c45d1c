"""How commands find the server of a data folder."""

from __future__ import annotations

from pathlib import Path

from cli.local_server import announced, found
from core.settings import Settings

URL = "http://127.0.0.1:4711"


def settings(folder: Path, **given: str) -> Settings:
    (folder / "api-key").write_text("k\n")
    return Settings.model_validate({"data_dir": folder} | given)


def test_a_server_is_found_while_it_runs_and_by_its_own_data_folder_only(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    own = settings(tmp_path)
    assert found(own) is None
    with announced(own, url=URL, key_file=tmp_path / "api-key"):
        server = found(own)
        assert server is not None
        assert (server.url, server.key) == (URL, "k")
        assert found(settings(other)) is None
    assert found(own) is None


def test_the_server_that_was_first_stays_the_one_that_is_found(tmp_path: Path) -> None:
    own, key_file = settings(tmp_path), tmp_path / "api-key"
    with (
        announced(own, url=URL, key_file=key_file),
        announced(own, url="http://127.0.0.1:1", key_file=key_file, patience=0.0),
    ):
        server = found(own)
        assert server is not None
        assert server.url == URL


def test_a_command_with_a_database_of_its_own_does_not_use_it(tmp_path: Path) -> None:
    with announced(settings(tmp_path), url=URL, key_file=tmp_path / "api-key"):
        assert found(settings(tmp_path, database_url="postgresql://elsewhere/db")) is None
