"""What turns run on: one bundle, made by the composition root."""

from __future__ import annotations

from dataclasses import dataclass

from core.clock import Clock
from core.database import Database
from inference.ports import Gateway
from memory import Memory
from memory.task_tree import TaskTree
from orchestrator.tool_runner import ToolRunner


@dataclass(frozen=True, kw_only=True)
class Services:
    database: Database
    clock: Clock
    gateway: Gateway
    tools: ToolRunner
    memory: Memory
    task_tree: TaskTree
