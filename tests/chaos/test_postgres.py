"""Postgres dies under running work, and its keeper brings it back."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from bench.support.engine import ScriptedProvider
from bench.support.scripts import team
from core.database import migrate
from core.database.migrate import APPLICATION_ROLE
from core.ids import DEFAULT_TENANT
from core.postgres import EmbeddedPostgres
from core.postgres.placement import Placement
from core.postgres.server import Runtime, read_runtime
from tests.chaos.conftest import QUICK, Held, Running, running
from tests.conftest import APPLICATION_PASSWORD


class Mortal:
    """A Postgres of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = EmbeddedPostgres(folder)
        self.admin = self.server.start().conninfo()
        migrate(self.admin, application_password=APPLICATION_PASSWORD)
        with psycopg.connect(self.admin, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO treehold.tenant (id, name) VALUES (%s, 'default') ON CONFLICT DO NOTHING",
                (DEFAULT_TENANT,),
            )

    @property
    def application(self) -> str:
        return make_conninfo(self.admin, user=APPLICATION_ROLE, password=APPLICATION_PASSWORD)

    def runtime(self) -> Runtime | None:
        return read_runtime(Placement(folder=self.folder))

    def kill(self) -> None:
        runtime = self.runtime()
        assert runtime is not None
        os.kill(runtime.postmaster_pid, signal.SIGKILL)


@pytest.fixture
def mortal() -> Iterator[Mortal]:
    with TemporaryDirectory(prefix="treehold-mortal-") as folder:
        Path(folder).chmod(0o755)
        server = Mortal(Path(folder) / "postgres")
        yield server
        server.server.release()
        while server.runtime() is not None:
            time.sleep(0.01)


async def test_work_outlives_a_killed_postgres(mortal: Mortal) -> None:
    """Killed between two turns, and again while a model is being asked; no process is started anew."""
    held = Held(team(3), kind="answer")
    async with running(mortal.application, DEFAULT_TENANT, held, **QUICK) as one:
        task = await one.harness.submit("outlive")
        mortal.kill()
        await held.reached.wait()
        mortal.kill()
        held.released.set()
        done = await one.finished(task)
        later = await one.harness.submit("and go on")
        assert (await one.finished(later)).status == "done"
        assert done.status == "done"
        assert await _asked_again(one, mortal) == []


async def _asked_again(one: Running, mortal: Mortal) -> list[str]:
    """Kinds of the calls that were asked more often than the journal began them."""
    with psycopg.connect(mortal.admin, options="-c search_path=treehold,public") as connection:
        begun = dict(
            connection.execute("SELECT name, sum(attempts) FROM call WHERE kind = 'model' GROUP BY name")
        )
    asked = [request.kind for request in one.provider.requests]
    return [kind for kind in set(asked) if asked.count(kind) > begun.get(kind, 0)]


async def test_a_worker_stops_while_postgres_is_away(mortal: Mortal) -> None:
    held = Held(team(1), kind="plan")
    async with running(mortal.application, DEFAULT_TENANT, held, **QUICK) as one:
        await one.harness.submit("never mind")
        await held.reached.wait()
        mortal.kill()
    other = ScriptedProvider(team(1))
    async with running(mortal.application, DEFAULT_TENANT, other, owner="worker-2", **QUICK) as two:
        task = await two.harness.submit("another")
        assert (await two.finished(task)).status == "done"
