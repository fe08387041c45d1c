"""LangGraph's checkpoints, kept with the turn and committed in its closing transaction (law 4).

A graph runs with `durability="exit"`: LangGraph hands over one checkpoint when the turn waits or ends. It is
held here until the engine writes it together with the agent's state, its children, events and outbox rows, in
one transaction that carries the fence. A turn that lost its lease leaves no checkpoint behind.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from agents.brief import InputFile
from agents.planning import Subtask
from agents.ports import Told
from core.database import Row
from inference.model import Message, ToolCall

KEPT_IN_STATE = (Message, ToolCall, InputFile, Subtask, Told)
"""The only types of ours that a checkpoint may bring to life."""

Write = tuple[str, str, Any]
"""(LangGraph task id, channel, value)."""


@dataclass(kw_only=True)
class TurnCheckpoints:
    """What one turn was given and what it leaves."""

    loaded: Row | None
    saved: Row | None = None
    writes: list[Write] = field(default_factory=list[Write])


class TurnCheckpointer(BaseCheckpointSaver[str]):
    """Serves all turns of a process; each is known by its thread, which names its agent and its fence."""

    def __init__(self) -> None:
        super().__init__(serde=JsonPlusSerializer(allowed_msgpack_modules=KEPT_IN_STATE))
        self._turns: dict[str, TurnCheckpoints] = {}

    def begin(self, thread: str, loaded: Row | None) -> None:
        self._turns[thread] = TurnCheckpoints(loaded=loaded)

    def end(self, thread: str) -> Row | None:
        """Forget the turn; returns the columns of its checkpoint row, if it made one."""
        turn = self._turns.pop(thread)
        if turn.saved is None:
            return None
        kind, content = self.serde.dumps_typed(turn.writes)
        return turn.saved | {"writes": orjson.dumps(kind) + b"\n" + content}

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        thread = _thread(config)
        row = self._turns[thread].loaded
        if row is None:
            return None
        checkpoint: Checkpoint = self.serde.loads_typed((row["kind"], bytes(row["content"])))
        parent = row["parent_checkpoint_id"]
        return CheckpointTuple(
            config=_config(thread, row["checkpoint_id"]),
            checkpoint=checkpoint,
            metadata=cast(CheckpointMetadata, row["metadata"]),
            parent_config=_config(thread, parent) if parent else None,
            pending_writes=self._load_writes(row["writes"]),
        )

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 - LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """The one checkpoint this turn began from."""
        if config is not None and (found := await self.aget_tuple(config)) is not None:
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        thread = _thread(config)
        kind, content = self.serde.dumps_typed(checkpoint)
        turn = self._turns[thread]
        turn.saved = {
            "namespace": "",
            "checkpoint_id": checkpoint["id"],
            "parent_checkpoint_id": turn.loaded["checkpoint_id"] if turn.loaded else None,
            "kind": kind,
            "content": content,
            "metadata": orjson.dumps(metadata).decode(),
        }
        return _config(thread, checkpoint["id"])

    async def aput_writes(
        self,
        config: RunnableConfig,
        writes: Sequence[tuple[str, Any]],
        task_id: str,
        task_path: str = "",
    ) -> None:
        self._turns[_thread(config)].writes.extend((task_id, channel, value) for channel, value in writes)

    def _load_writes(self, stored: bytes | None) -> list[Write]:
        if stored is None:
            return []
        kind, _, content = bytes(stored).partition(b"\n")
        return [tuple(write) for write in self.serde.loads_typed((orjson.loads(kind), content))]


def _thread(config: RunnableConfig) -> str:
    return config.get("configurable", {})["thread_id"]


def _config(thread: str, checkpoint: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": "", "checkpoint_id": checkpoint}}
