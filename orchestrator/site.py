"""Where a process finds its Postgres and its key: an embedded server, or the URLs it was given."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from core.database import migrate
from core.database.migrate import APPLICATION_ROLE
from core.errors import ConfigurationError
from core.ids import DEFAULT_TENANT, TimeOrderedIds
from core.postgres import EmbeddedPostgres
from core.settings import Settings
from orchestrator.services.keys import KnownKey, new_secret, register, registered

_FOLDER_MODE = 0o711 if os.geteuid() == 0 else 0o700
"""Under root, Postgres runs as another user and must be able to pass through; nobody may list."""

KEY_FILE = "api-key"
"""In the data folder; only the user can read it."""

ALL_SCOPES = frozenset({"tasks:read", "tasks:write", "memory:read", "memory:write"})


@dataclass(frozen=True, kw_only=True)
class Site:
    """An open site. `key` is known where the server is embedded: it is the user's own."""

    conninfo: str
    key: str | None
    postgres: EmbeddedPostgres | None

    def release(self) -> None:
        """The embedded server stops when its last user has let it go."""
        if self.postgres is not None:
            self.postgres.release()


def open_site(settings: Settings) -> Site:
    """Blocking: start or join the embedded Postgres and bring it up to date, or use the given URL.

    Raises:
        ConfigurationError: settings or folders are wrong; the message says what to do.
        StorageError: Postgres cannot be started or reached.
    """
    if settings.database_url is not None:
        return Site(conninfo=settings.database_url.get_secret_value(), key=None, postgres=None)
    postgres = EmbeddedPostgres(_data_folder(settings) / "postgres")
    address = postgres.start()
    try:
        password = _migrated(settings, address.conninfo())
        key = _local_key(settings, address.conninfo())
    except BaseException:
        postgres.release()
        raise
    conninfo = make_conninfo(address.conninfo(), user=APPLICATION_ROLE, password=password)
    return Site(conninfo=conninfo, key=key, postgres=postgres)


def prepare_site(settings: Settings) -> tuple[list[int], Path]:
    """Blocking: migrate the database and make the first tenant and its key; safe to repeat.

    Returns:
        The numbers of the migrations that ran, and the file that holds the key.

    Raises:
        ConfigurationError: only one of the two database URLs is set, or the roles may not do this.
        StorageError: Postgres cannot be reached.
    """
    key_file = settings.data_dir / KEY_FILE
    if settings.database_url is None:
        open_site(settings).release()
        return [], key_file
    if settings.database_admin_url is None:
        raise ConfigurationError(
            "set TREEHOLD_DATABASE_ADMIN_URL to a role that owns the database and may create roles"
        )
    _data_folder(settings)
    password = conninfo_to_dict(settings.database_url.get_secret_value()).get("password")
    admin = settings.database_admin_url.get_secret_value()
    ran = migrate(admin, application_password=str(password) if password else None)
    _local_key(settings, admin)
    return ran, key_file


def add_key(settings: Settings, *, name: str, scopes: frozenset[str], teams: frozenset[str]) -> str:
    """Blocking: make another key for the first tenant; its secret is known to whoever calls alone.

    Raises:
        ConfigurationError: Postgres is not embedded, and no administrator's URL is set.
        InvalidInput: what is given as a team is no name of one.
        StorageError: Postgres cannot be reached.
    """
    secret = new_secret()
    with _administrator(settings) as admin:
        register(
            admin,
            TimeOrderedIds(),
            tenant=DEFAULT_TENANT,
            tenant_name="default",
            key_name=name,
            secret=secret,
            scopes=scopes,
            teams=teams,
        )
    return secret


def known_keys(settings: Settings) -> list[KnownKey]:
    """Blocking: the keys of the first tenant, oldest first. Raises as `add_key`."""
    with _administrator(settings) as admin:
        return registered(admin, DEFAULT_TENANT)


@contextlib.contextmanager
def _administrator(settings: Settings) -> Generator[str]:
    """Where an administrator finds the database, which is up to date."""
    if settings.database_url is not None:
        if settings.database_admin_url is None:
            raise ConfigurationError(
                "set TREEHOLD_DATABASE_ADMIN_URL: keys are made by a role that owns the database"
            )
        yield settings.database_admin_url.get_secret_value()
        return
    with EmbeddedPostgres(_data_folder(settings) / "postgres") as address:
        _migrated(settings, address.conninfo())
        yield address.conninfo()


def _migrated(settings: Settings, admin_conninfo: str) -> str:
    """The application role's password."""
    password = kept_secret(settings.data_dir / "postgres-application", lambda: secrets.token_urlsafe(24))
    migrate(admin_conninfo, application_password=password)
    return password


def _data_folder(settings: Settings) -> Path:
    folder = settings.data_dir
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
    except OSError as error:
        raise ConfigurationError(
            f"cannot make the data folder {str(folder)!r}: {error.strerror}; "
            "name another with --data or TREEHOLD_DATA_DIR"
        ) from error
    return folder


def _local_key(settings: Settings, admin_conninfo: str) -> str:
    key = kept_secret(settings.data_dir / KEY_FILE, new_secret)
    register(
        admin_conninfo,
        TimeOrderedIds(),
        tenant=DEFAULT_TENANT,
        tenant_name="default",
        key_name="local",
        secret=key,
        scopes=ALL_SCOPES,
    )
    return key


def kept_secret(path: Path, make: Callable[[], str]) -> str:
    """The secret in a file that only the user can read; made once, whoever comes first."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(make())
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()
    return path.read_text().strip()
