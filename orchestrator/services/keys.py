"""API keys: hashed at rest, shown once. Implements `orchestrator.services.ports.Keys`."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from core.database import Database
from core.errors import AccessDenied
from core.ids import IdSource, TenantId
from core.scopes import team
from orchestrator.services.principal import Principal

PREFIX = "th_"
_AUTHENTICATE = b"SELECT key_id, tenant_id, name, scopes, teams FROM treehold.authenticate(%(hash)s)"
_ADD_TENANT = b"INSERT INTO treehold.tenant (id, name) VALUES (%(id)s, %(name)s) ON CONFLICT (id) DO NOTHING"
_ADD_KEY = (
    b"INSERT INTO treehold.api_key (id, tenant_id, name, secret_hash, scopes, teams) "
    b"VALUES (%(id)s, %(tenant)s, %(name)s, %(hash)s, %(scopes)s, %(teams)s) "
    b"ON CONFLICT (secret_hash) DO NOTHING"
)

_KEYS = (
    b"SELECT id, name, scopes, teams, revoked_at IS NOT NULL AS revoked FROM treehold.api_key "
    b"WHERE tenant_id = %(tenant)s ORDER BY created_at, id"
)


def new_secret() -> str:
    """A key as its owner keeps it: 256 random bits, with a prefix that secret scanners can look for."""
    return PREFIX + secrets.token_urlsafe(32)


def _hash(secret: str) -> bytes:
    """SHA-256 is enough: the secret is random, so there is nothing to guess slowly."""
    return hashlib.sha256(secret.encode()).digest()


class KeyService:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def authenticate(self, secret: str) -> Principal:
        async with self._database.plumbing() as connection:
            cursor = await connection.execute(_AUTHENTICATE, {"hash": _hash(secret)})
            row = await cursor.fetchone()
        if row is None:
            raise AccessDenied("this API key is not known here, or was revoked", code="invalid_key")
        return Principal(
            tenant=TenantId(row["tenant_id"]),
            key=UUID(str(row["key_id"])),
            name=row["name"],
            scopes=frozenset(row["scopes"]),
            teams=frozenset(row["teams"]),
        )


@dataclass(frozen=True, kw_only=True)
class KnownKey:
    """A key without its secret, which nobody keeps."""

    id: UUID
    name: str
    scopes: tuple[str, ...]
    teams: tuple[str, ...]
    revoked: bool


def registered(admin_conninfo: str, tenant: TenantId) -> list[KnownKey]:
    """As administrator, the keys of a tenant, oldest first."""
    with (
        psycopg.connect(admin_conninfo) as connection,
        connection.cursor(row_factory=class_row(KnownKey)) as cursor,
    ):
        return cursor.execute(_KEYS, {"tenant": tenant}).fetchall()


def register(
    admin_conninfo: str,
    ids: IdSource,
    *,
    tenant: TenantId,
    tenant_name: str,
    key_name: str,
    secret: str,
    scopes: frozenset[str],
    teams: Collection[str] = (),
) -> None:
    """As administrator, make a tenant (unless it is there) and give it a key.

    Raises:
        InvalidInput: what is given as a team is no name of one.
    """
    for name in teams:
        team(name)
    with psycopg.connect(admin_conninfo) as connection:
        connection.execute(_ADD_TENANT, {"id": tenant, "name": tenant_name})
        connection.execute(
            _ADD_KEY,
            {
                "id": ids.new(),
                "tenant": tenant,
                "name": key_name,
                "hash": _hash(secret),
                "scopes": sorted(scopes),
                "teams": sorted(teams),
            },
        )
