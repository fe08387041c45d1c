"""Events: one row each in the trace, written in the transaction of the state they describe."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from core.ids import AgentId, TaskId

EventKind = Literal[
    "task.submitted",
    "task.finished",
    "task.cancelling",
    "task.paused",
    "task.resumed",
    "agent.spawned",
    "agent.started",
    "agent.waiting",
    "agent.paused",
    "agent.resumed",
    "agent.finished",
    "agent.failed",
    "agent.cancelled",
    "agent.reclaimed",
    "model.started",
    "model.retried",
    "model.finished",
    "model.failed",
    "tool.started",
    "tool.finished",
    "tool.failed",
    "tool.refused",
    "approval.requested",
    "approval.decided",
    "budget.refused",
    "gate.accepted",
    "gate.refused",
    "recall.started",
    "recall.used",
    "recall.held_back",
    "tree.revised",
    "message.received",
    "message.applied",
    "message.answered",
    "message.refused",
    "artifact.stored",
    "memory.learned",
    "memory.condensed",
    "memory.refined",
    "memory.failed",
]

TERMINAL_EVENT: EventKind = "task.finished"


class Event(BaseModel):
    """An event about to be written; its number is given when its transaction commits."""

    model_config = ConfigDict(frozen=True)

    task: TaskId
    agent: AgentId | None = None
    kind: EventKind
    data: dict[str, JsonValue] = Field(default_factory=dict)
