"""What every process stands on: one bundle, made by the composition root."""

from __future__ import annotations

from dataclasses import dataclass

from core.clock import Clock
from core.database import Database
from core.ids import IdSource
from core.metrics import Metrics
from core.settings import Settings
from inference.model import ModelDescription
from inference.ports import Gateway
from memory import Checker, Evaluator, Indexer, Memory, Rebuilder
from memory.forgetting import Forgetting
from memory.ports import Embedder, VectorIndex
from memory.task_tree import TaskTree
from orchestrator.embedders import Embedders
from orchestrator.services.fleet import Fleet
from orchestrator.services.keys import KeyService
from orchestrator.services.ports import Approvals, Control, Forks, Memories, Messages, Tasks
from orchestrator.turns.tool_runner import ToolRunner


@dataclass(frozen=True, kw_only=True)
class Platform:
    settings: Settings
    database: Database
    clock: Clock
    ids: IdSource
    gateway: Gateway
    embedders: Embedders
    embedder: Embedder
    index: VectorIndex
    indexer: Indexer
    rebuilder: Rebuilder | None
    checker: Checker
    tools: ToolRunner
    memory: Memory
    task_tree: TaskTree
    tasks: Tasks
    forks: Forks
    control: Control
    approvals: Approvals
    messages: Messages
    memories: Memories
    forgetting: Forgetting
    keys: KeyService
    fleet: Fleet
    metrics: Metrics
    model: ModelDescription
    evaluator: Evaluator | None = None

    async def aclose(self) -> None:
        await self.gateway.aclose()
        await self.index.close()
        await self.embedders.aclose()
        await self.database.close()

    async def ready(self) -> dict[str, str]:
        """Raises `StorageError` when Postgres does not answer."""
        async with self.database.plumbing() as connection:
            await connection.execute(b"SELECT 1")
        return {"postgres": "ok"}
