"""Our own runner: a whole worker over Postgres, as in `treehold up`; its model is the scripted server."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

from bench.engine.peers.timing import Build, Run, serve
from bench.support.engine import LOCAL_KEY, SCOPES
from core.ids import DEFAULT_TENANT, TaskId, TenantId
from core.settings import Settings
from orchestrator.bootstrap import open_platform
from orchestrator.engine.engine_room import EngineRoom, open_engine_room
from orchestrator.engine.learning import Learning
from orchestrator.services.principal import Principal
from orchestrator.services.views import Submission
from workers.worker import Worker

CONCURRENCY = 128
"""Turns at a time, so that a fan-out of 100 can wait for its model at once."""

_PRINCIPAL = Principal(tenant=DEFAULT_TENANT, key=LOCAL_KEY, name="bench", scopes=SCOPES)


@dataclass
class Watched(Learning):
    """Tells when memory has taken a task in: the last that happens to it."""

    room: EngineRoom
    finished: dict[UUID, asyncio.Event] = field(default_factory=dict[UUID, asyncio.Event])

    async def learn(self, tenant: TenantId, task: TaskId) -> None:
        await self.room.learning.learn(tenant, task)
        self.of(task).set()

    def of(self, task: UUID) -> asyncio.Event:
        return self.finished.setdefault(task, asyncio.Event())


@asynccontextmanager
async def opened() -> AsyncGenerator[Build]:
    settings = Settings(
        data_dir=Path(os.environ["BENCH_FOLDER"]),
        model="scripted",
        base_url=sys.argv[1],
        concurrency=CONCURRENCY,
        memory_learning_tokens=0,
    )
    platform = await open_platform(settings, os.environ["BENCH_POSTGRES"])
    await platform.index.prepare()
    room = open_engine_room(platform)
    watched = Watched(room)
    worker = Worker(settings, replace(room, learning=watched))
    await worker.start()

    def build(width: int, calls: int) -> Run:
        # The lead's plan and answer are two of the chain's calls.
        orders = f"[workers={width}] [calls={calls}]" if width else f"[workers=1] [calls={calls - 2}]"
        budget = {"fanout": max(8, width)}
        remembered = bool(os.environ["BENCH_MEMORY"])

        async def run(number: int) -> float:
            submission = Submission.model_validate(
                {"goal": f"{orders} run {number}", "budget": budget, "memory": remembered}
            )
            task = (await platform.tasks.submit(_PRINCIPAL, submission, idempotency_key=None)).task.id
            await watched.of(task).wait()
            del watched.finished[task]
            view = await platform.tasks.get(_PRINCIPAL, task)
            assert view.status == "done", view.error
            assert view.finished_at is not None, "a finished task"
            return (view.finished_at - view.created_at).total_seconds()

        return run

    try:
        yield build
    finally:
        await worker.stop()
        await platform.aclose()


if __name__ == "__main__":
    serve(opened)
