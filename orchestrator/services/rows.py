"""From database rows to views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from agents.answer import Answer
from core.database import Row
from core.grant import Budget
from core.provenance import Provenance
from memory.task_tree import Node, Revision
from orchestrator.services.views import (
    AccountView,
    AgentView,
    ApprovalView,
    ArtifactView,
    CallView,
    EventView,
    Evidence,
    MessageView,
    ModelDescription,
    NodeView,
    Problem,
    RevisionView,
    TaskView,
    UnitView,
    Usage,
)


def usage(source: Mapping[str, Any]) -> Usage:
    return Usage(**{name: int(source.get(name) or 0) for name in Usage.model_fields})


def _problem(source: Mapping[str, Any] | None) -> Problem | None:
    return None if source is None else Problem(code=source["code"], message=source["message"])


def task(row: Row) -> TaskView:
    return TaskView(
        id=row["id"],
        goal=row["goal"],
        status=row["status"],
        stop_reason=row["stop_reason"],
        workspace=row["workspace"],
        output_schema=row["output_schema"],
        budget=Budget.model_validate(row["granted"]),
        model=ModelDescription.model_validate(row["model"]),
        tags=row["tags"],
        answer=None if row["answer"] is None else Answer.model_validate(row["answer"]),
        error=_problem(row["error"]),
        usage=usage(row),
        agents=row["agents"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        cancel_requested=row["cancel_requested_at"] is not None,
        paused=row["paused_at"] is not None and row["status"] == "running",
        last_event=row["event_seq"],
        forked_from=row["forked_from"],
        forked_at=row["forked_at"],
    )


def agent(row: Row) -> AgentView:
    return AgentView(
        id=row["id"],
        parent=row["parent_id"],
        depth=row["depth"],
        position=row["position"],
        role=row["role"],
        title=row["title"],
        status=row["state"],
        waiting_on=row["waiting_on"],
        turns=row["turns"],
        lost_turns=row["lost_turns"],
        usage=usage(row),
        granted_tokens=row["granted_tokens"],
        reserved_tokens=row["reserved_tokens"],
        seconds=round(row["seconds"], 4),
        returned=row["returned"],
        error=_problem(row["error"]),
        created_at=row["created_at"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )


def accounts(found: Sequence[Row]) -> tuple[AccountView, ...]:
    """From one row for each agent and unit, those of an agent together."""
    return tuple(_account(list(units)) for _, units in groupby(found, key=lambda row: row["agent"]))


def _account(units: Sequence[Row]) -> AccountView:
    agent = units[0]
    return AccountView(
        agent=agent["agent"],
        parent=agent["parent"],
        role=agent["role"],
        title=agent["title"],
        status=agent["state"],
        units=tuple(UnitView(**{name: unit[name] for name in UnitView.model_fields}) for unit in units),
    )


def node(found: Node) -> NodeView:
    return NodeView(
        id=found.id,
        parent=found.parent,
        key=found.key,
        title=found.title,
        status=found.status,
        agent=found.agent,
        depends_on=found.depends_on,
        shares=found.shares,
        revision=found.created_rev,
    )


def revision(found: Revision) -> RevisionView:
    return RevisionView(
        revision=found.rev,
        op=found.op,
        node=found.after.id,
        key=found.after.key,
        title=found.after.title,
        status=found.after.status,
        before=None if found.before is None else found.before.status,
        value=found.after.value,
        caused_by=found.caused_by,
        restores=found.restores,
        change=found.change_id,
        actor=found.actor,
        at=found.at,
    )


def event(row: Row) -> EventView:
    return EventView(
        seq=row["seq"],
        at=row["at"],
        kind=row["kind"],
        task=row["task_id"],
        agent=row["agent_id"],
        data=row["data"],
    )


def call(row: Row) -> CallView:
    return CallView(
        id=row["id"],
        agent=row["agent_id"],
        position=row["position"],
        kind=row["kind"],
        name=row["name"],
        effect=row["effect"],
        state=row["state"],
        request=row["request"],
        outcome=row["outcome"],
        usage=usage(row["usage"]),
        attempts=row["attempts"],
        replayed=row["replayed"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
    )


def approval(row: Row) -> ApprovalView:
    return ApprovalView(
        id=row["id"],
        task=row["task_id"],
        agent=row["agent_id"],
        role=row["role"],
        title=row["title"],
        kind=row["kind"],
        tool=row["tool"],
        arguments=row["arguments"],
        evidence=Evidence.model_validate(row["evidence"]),
        status=row["state"],
        fallback=row["fallback"],
        edited=row["edited"],
        note=row["note"],
        decided_by=row["decided_by"],
        requested_at=row["requested_at"],
        expires_at=row["due"],
        decided_at=row["decided_at"],
    )


def message(row: Row) -> MessageView:
    return MessageView(
        id=row["id"],
        number=row["number"],
        kind=row["kind"],
        node=row["node_id"],
        node_key=row["node_key"],
        text=row["text"],
        status=row["state"],
        agent=row["agent_id"],
        applied_at_event=row["applied_seq"],
        reply=row["reply"],
        error=_problem(row["refusal"]),
        created_at=row["created_at"],
        concluded_at=row["concluded_at"],
    )


def artifact(row: Row) -> ArtifactView:
    return ArtifactView(
        id=row["id"],
        task=row["task_id"],
        agent=row["agent_id"],
        name=row["name"],
        media_type=row["media_type"],
        size=row["size"],
        sha256=bytes(row["sha256"]).hex(),
        tainted=Provenance.model_validate(row["provenance"]).tainted,
        created_at=row["created_at"],
    )
