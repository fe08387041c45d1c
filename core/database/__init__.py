"""Postgres: the pool, units of work, migrations, named SQL."""

from core.database.database import Database, Row, UnitOfWork
from core.database.jsonb import jsonb
from core.database.migrate import migrate

__all__ = ["Database", "Row", "UnitOfWork", "jsonb", "migrate"]
