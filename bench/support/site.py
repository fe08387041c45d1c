"""A database of its own for one benchmark, and a worker over it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from psycopg import AsyncConnection

from core.postgres import EmbeddedPostgres
from core.settings import Settings
from orchestrator.site import open_site


@dataclass(frozen=True, kw_only=True)
class TemporarySite:
    """An embedded Postgres that goes away; `admin` is not bound by row-level security."""

    settings: Settings
    conninfo: str
    admin: AsyncConnection


@contextmanager
def open_folder() -> Generator[Path]:
    """A folder that goes away. Under root, Postgres runs as another user and must be able to pass through."""
    with TemporaryDirectory(prefix="treehold-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@asynccontextmanager
async def temporary_site(**settings: object) -> AsyncGenerator[TemporarySite]:
    """Only what is given replaces the defaults, but no model is asked to learn.

    Neither environment nor files have a say in the folder.
    """
    with open_folder() as folder:
        chosen = Settings.model_validate(
            {"data_dir": folder / "data", "memory_learning_tokens": 0, **settings}
        )
        site = await asyncio.to_thread(open_site, chosen)
        postgres = EmbeddedPostgres(chosen.data_dir / "postgres")
        try:
            address = await asyncio.to_thread(postgres.start)
            async with await AsyncConnection.connect(
                address.conninfo(), autocommit=True, options="-c search_path=treehold,public"
            ) as admin:
                yield TemporarySite(settings=chosen, conninfo=site.conninfo, admin=admin)
        finally:
            postgres.release()
            site.release()
