"""Numbered, forward-only migrations, run by an administrator role before the application connects."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
from psycopg import sql

from core.errors import ConfigurationError, StorageError

FOLDER = Path(__file__).with_name("migrations")
APPLICATION_ROLE = "treehold_app"
ENGINE_ROLE = "treehold_engine"
_LOCK = 0x7472_6565_686F_6C64
"""Advisory lock key: only one process migrates a database at a time."""

ROLE_ATTEMPTS = 20
_CONTENTION = (
    psycopg.errors.DuplicateObject,
    psycopg.errors.UniqueViolation,
    psycopg.errors.InternalError_,  # "tuple concurrently updated"
)


def migrations() -> list[tuple[int, Path]]:
    """All migrations in order; their numbers start at 1 and have no gaps."""
    found = sorted(
        (int(match[1]), path)
        for path in FOLDER.glob("*.sql")
        if (match := re.match(r"(\d{4})_", path.name)) is not None
    )
    assert [number for number, _ in found] == list(range(1, len(found) + 1)), "migration numbers have gaps"
    return found


def migrate(admin_conninfo: str, *, application_password: str | None) -> list[int]:
    """Bring the database up to date; returns the numbers of the migrations that ran.

    Args:
        admin_conninfo: a role that owns the database and may create roles.
        application_password: set for the application role, which is made when missing;
            `None` leaves an existing role's password alone.

    Raises:
        ConfigurationError: the database is newer than this program, or lacks pgvector.
        StorageError: the database cannot be reached.
    """
    try:
        with psycopg.connect(admin_conninfo, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
            _await_roles(connection, application_password)
            return _apply(connection)
    except psycopg.errors.FeatureNotSupported as error:
        raise ConfigurationError(
            f"Postgres cannot load an extension ({error.diag.message_primary}); install pgvector on it"
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"the administrator role may not do this: {error.diag.message_primary}; "
            "give TREEHOLD_DATABASE_ADMIN_URL a role that owns the database, has CREATEROLE and itself made "
            f"{APPLICATION_ROLE} and {ENGINE_ROLE} where they exist; unless it is a superuser, have one "
            "run CREATE EXTENSION vector in that database first"
        ) from error
    except psycopg.OperationalError as error:
        raise StorageError(f"cannot connect to Postgres to migrate it: {error}") from error


def _await_roles(connection: psycopg.Connection, application_password: str | None) -> None:
    """Roles belong to the whole server, the lock to one database: others may be making the same roles."""
    for attempt in range(1, ROLE_ATTEMPTS + 1):
        try:
            with connection.transaction():
                _prepare_roles(connection, application_password)
            return
        except _CONTENTION as error:
            if attempt == ROLE_ATTEMPTS:
                raise StorageError(f"other processes keep changing the roles: {error}") from error


def _prepare_roles(connection: psycopg.Connection, application_password: str | None) -> None:
    existing = {
        row[0]
        for row in connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)", ([APPLICATION_ROLE, ENGINE_ROLE],)
        )
    }
    engine, application = sql.Identifier(ENGINE_ROLE), sql.Identifier(APPLICATION_ROLE)
    if ENGINE_ROLE not in existing:
        connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN NOBYPASSRLS").format(engine))
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(engine))
    if APPLICATION_ROLE not in existing:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN NOBYPASSRLS").format(application))
    if application_password is not None:
        connection.execute(
            sql.SQL("ALTER ROLE {} PASSWORD {}").format(application, sql.Literal(application_password))
        )


def _apply(connection: psycopg.Connection) -> list[int]:
    connection.execute("CREATE SCHEMA IF NOT EXISTS treehold")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS treehold.migration "
        "(number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    newest = connection.execute("SELECT coalesce(max(number), 0) FROM treehold.migration").fetchone()
    done = newest[0] if newest else 0
    available = migrations()
    if done > len(available):
        raise ConfigurationError(
            f"the database is at migration {done}, this program knows {len(available)}: update Treehold"
        )
    ran: list[int] = []
    for number, path in available[done:]:
        with connection.transaction():
            connection.execute("SET LOCAL search_path = treehold, public")
            connection.execute(path.read_bytes())
            connection.execute(
                "INSERT INTO treehold.migration (number, name) VALUES (%s, %s)", (number, path.stem)
            )
        ran.append(number)
    return ran
