"""Tasks, agents and events as a server sends them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from treehold import Agent, Event, Task, Tree

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OFFLINE = {"name": "offline", "provider": "offline", "offline": True}


def task(**given: Any) -> Task[Any]:
    facts: dict[str, Any] = {
        "id": uuid4(),
        "goal": "What is the keeper called?",
        "status": "done",
        "stop_reason": "completed",
        "budget": {},
        "model": OFFLINE,
        "usage": {},
        "agents": 1,
        "created_at": NOW,
        "finished_at": NOW + timedelta(seconds=3),
    }
    return Task[Any].model_validate(facts | given)


def agent(**given: Any) -> Agent:
    facts: dict[str, Any] = {
        "id": uuid4(),
        "parent": None,
        "depth": 0,
        "position": 0,
        "role": "lead",
        "title": "lead",
        "status": "done",
        "waiting_on": None,
        "turns": 1,
        "lost_turns": 0,
        "usage": {},
        "granted_tokens": None,
        "reserved_tokens": 0,
        "seconds": 1.0,
        "created_at": NOW,
        "started_at": NOW,
        "finished_at": None,
    }
    return Agent.model_validate(facts | given)


def tree(of: Task[Any], *agents: Agent) -> Tree:
    return Tree.model_validate({"task": of, "agents": agents, "nodes": ()})


def event(kind: str, agent: UUID | None = None, /, **data: Any) -> Event:
    facts = {"seq": 1, "at": NOW, "kind": kind, "task": uuid4(), "agent": agent, "data": data}
    return Event.model_validate(facts)


def spawned(agent: UUID, *, parent: UUID | None, title: str = "lead") -> Event:
    role = "worker" if parent else "lead"
    return event("agent.spawned", agent, parent=str(parent) if parent else None, role=role, title=title)
