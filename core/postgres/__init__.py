"""Embedded Postgres: a real server on this machine that lives as long as somebody uses it."""

from core.postgres.address import PostgresAddress
from core.postgres.embedded import EmbeddedPostgres
from core.postgres.facts import PostgresFacts

__all__ = ["EmbeddedPostgres", "PostgresAddress", "PostgresFacts"]
