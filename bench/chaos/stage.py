"""Everything a run needs: servers, processes, a model and a ledger, each of the run's own."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from bench.chaos.brokers import Broker, broker, free_port
from bench.chaos.effects import LEDGER
from bench.chaos.fleet import Fleet
from bench.chaos.mishaps import Mishaps, armoury
from bench.chaos.postgres import Postgres
from bench.chaos.problems import Problem, SummingModel
from bench.support.scripted_node import ScriptedNode
from bench.support.site import open_folder
from core.settings import Settings
from orchestrator.site import KEY_FILE, prepare_site
from treehold import AsyncTreehold

MODEL = "chaos"
MAX_ATTEMPTS = 25
"""A run takes many more workers from one agent than a deployment would; it must not be given up for that."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Attributes: `pause` is the mean time between mishaps; `open_tasks` how many run at a time; `keep` is a
    folder to leave everything in."""

    tasks: int = 500
    kills: int = 200
    workers: int = 3
    broker: str = "memory"
    seed: int = 1
    pause: float = 2.0
    open_tasks: int = 16
    concurrency: int = 8
    lease_seconds: float = 2.0
    pool_size: int = 8
    keep: Path | None = None


@dataclass(kw_only=True)
class Stage:
    """Everything that runs."""

    plan: Plan
    folder: Path
    chance: random.Random
    postgres: Postgres
    broker: Broker
    fleet: Fleet
    mishaps: Mishaps
    client: AsyncTreehold
    problems: list[Problem] = field(default_factory=list[Problem])
    submitted: int = 0


@asynccontextmanager
async def staged(plan: Plan) -> AsyncGenerator[Stage]:
    chance = random.Random(plan.seed)
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(_folder(plan.keep))
        postgres = Postgres(folder / "postgres")
        stack.callback(postgres.stop)
        await postgres.start()
        settings = _settings(postgres, folder)
        await asyncio.to_thread(prepare_site, settings)
        await postgres.watch()
        its_broker = broker(plan.broker, folder / "broker")
        stack.push_async_callback(its_broker.kill)
        await its_broker.start()
        node = await stack.enter_async_context(
            ScriptedNode(SummingModel(random.Random(plan.seed)), models=[MODEL])
        )
        entered = await stack.enter_async_context(_ledger(folder / "ledger"))
        fleet = Fleet(
            folder=folder,
            environment=_environment(
                plan, settings, broker_url=its_broker.url, node=node.base_url, ledger=entered
            ),
            workers=plan.workers,
            concurrency=plan.concurrency,
            api_port=free_port(),
            chance=chance,
            armoury=armoury(chance),
        )
        stack.push_async_callback(fleet.close)
        await fleet.open()
        key = (settings.data_dir / KEY_FILE).read_text().strip()
        client = await stack.enter_async_context(
            AsyncTreehold(base_url=f"http://127.0.0.1:{fleet.api_port}", key=key, timeout=10.0)
        )
        yield Stage(
            plan=plan,
            folder=folder,
            chance=chance,
            postgres=postgres,
            broker=its_broker,
            fleet=fleet,
            mishaps=Mishaps(
                fleet=fleet,
                postgres=postgres,
                broker=its_broker,
                chance=chance,
                lease_seconds=plan.lease_seconds,
            ),
            client=client,
        )


@contextmanager
def _folder(keep: Path | None) -> Generator[Path]:
    if keep is None:
        with open_folder() as folder:
            yield folder
        return
    keep.mkdir(parents=True)
    keep.chmod(0o755)
    yield keep.resolve()


@asynccontextmanager
async def _ledger(file: Path) -> AsyncGenerator[str]:
    """Where it answers."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.chaos.ledger", str(file)), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()


def _settings(postgres: Postgres, folder: Path) -> Settings:
    return Settings(
        data_dir=folder / "data",
        database_url=SecretStr(postgres.application),
        database_admin_url=SecretStr(postgres.admin),
    )


def _environment(
    plan: Plan, settings: Settings, *, broker_url: str, node: str, ledger: str
) -> dict[str, str]:
    """As a deployment would set it, but impatient: what is lost is found soon."""
    assert settings.database_url is not None
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(settings.data_dir.parent),
        LEDGER: ledger,
        "TREEHOLD_DATABASE_URL": settings.database_url.get_secret_value(),
        "TREEHOLD_BROKER_URL": broker_url,
        "TREEHOLD_MODEL": MODEL,
        "TREEHOLD_BASE_URL": node,
        "TREEHOLD_API_KEY": "sk-none",
        "TREEHOLD_TOOL_MODULES": '["bench.chaos.effects"]',
        "TREEHOLD_POOL_SIZE": str(plan.pool_size),
        "TREEHOLD_LEASE_SECONDS": str(plan.lease_seconds),
        "TREEHOLD_SWEEP_SECONDS": "0.2",
        "TREEHOLD_REPUBLISH_SECONDS": "1",
        # Nobody is there to look into calls whose outcome is unknown.
        "TREEHOLD_APPROVAL_SECONDS": "1",
        "TREEHOLD_MAX_ATTEMPTS": str(MAX_ATTEMPTS),
    }
