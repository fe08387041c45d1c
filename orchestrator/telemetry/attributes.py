"""What spans say of the events they are made from. Texts are told only where `content` allows it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from core.text import clipped
from orchestrator.telemetry import conventions as c
from orchestrator.telemetry.span import Attribute, Happening, Moment

MOST_CHARACTERS = 8_000
"""Of one text, where contents are told."""
MOST_MESSAGES = 16
"""Of a prompt: the last ones."""
MOST_RECORDS = 20

Told = dict[str, Attribute]

_HARMLESS = {
    "attempt": c.ATTEMPTS,
    "code": c.ERROR_TYPE,
    "limit": c.LIMIT,
    "reason": "treehold.reason",
    "revision": "treehold.tree.revision",
    "size": "treehold.artifact.size",
    "stopped": "treehold.stopped_agents",
    "tainted": c.TAINTED,
}
"""What may be told of any event: numbers, and words of ours."""


def told(values: Mapping[str, object]) -> Told:
    """What is known of these, in types that spans can carry."""
    found: Told = {}
    for name, value in values.items():
        if isinstance(value, str | bool | int | float):
            found[name] = value
        elif isinstance(value, Sequence) and value:
            found[name] = tuple(str(part) for part in cast(Sequence[object], value))
    return found


def moment(event: Happening, *, content: bool) -> Moment:
    named: dict[str, object] = {ours: event.data.get(name) for name, ours in _HARMLESS.items()}
    if content:
        named[c.MESSAGE] = text(event.data.get("message"))
    return Moment(name=event.kind, at=event.at, attributes=told(named | {c.EVENT: event.seq}))


def task(submitted: Mapping[str, Any], finished: Mapping[str, Any], *, content: bool) -> Told:
    model: Mapping[str, Any] = submitted.get("model") or {}
    return told(
        {
            c.OPERATION: "invoke_workflow",
            c.WORKFLOW_NAME: "task",
            c.OI_KIND: "CHAIN",
            c.TASK_STATUS: finished.get("status"),
            c.STOP_REASON: finished.get("stop_reason"),
            c.FORKED_FROM: submitted.get("forked_from"),
            c.REQUEST_MODEL: model.get("name"),
            c.GOAL: text(submitted.get("goal")) if content else None,
            c.OI_INPUT: text(submitted.get("goal")) if content else None,
        }
    )


def agent(spawned: Happening, *, content: bool) -> Told:
    role, parent = spawned.data.get("role"), spawned.data.get("parent")
    title = text(spawned.data.get("title")) if content else None
    return told(
        {
            c.OPERATION: "invoke_agent",
            c.OI_KIND: "AGENT",
            c.AGENT_ID: str(spawned.agent),
            c.AGENT_NAME: role,
            c.AGENT_DESCRIPTION: title,
            c.TITLE: title,
            c.OI_AGENT: role,
            c.OI_GRAPH_NODE: str(spawned.agent),
            c.OI_GRAPH_PARENT: parent,
            c.OI_GRAPH_NAME: role,
            c.ROLE: role,
            c.DEPTH: spawned.data.get("depth"),
            c.NODE: str(spawned.node) if spawned.node else None,
            c.GRANTED_TOKENS: spawned.data.get("granted_tokens"),
        }
    )


def agent_end(ended: Happening, *, content: bool) -> Told:
    return told(
        {
            c.AGENT_STATE: ended.kind.removeprefix("agent."),
            c.PARTIAL: ended.data.get("partial"),
            c.LIMIT: ended.data.get("limit"),
            c.MESSAGE: text(ended.data.get("message")) if content else None,
        }
    )


def turn(started: Mapping[str, Any]) -> Told:
    return told(
        {
            c.OI_KIND: "CHAIN",
            c.TURN: started.get("turn"),
            c.FENCE: started.get("fence"),
            c.WORKER: started.get("worker"),
        }
    )


def model(provider: str | None, started: Mapping[str, Any], ended: Happening, *, content: bool) -> Told:
    data = ended.data
    prompt, completion = data.get("prompt_tokens"), data.get("completion_tokens")
    settled = None if prompt is None or completion is None else prompt + completion
    cost = data.get("cost")
    named = {
        c.OPERATION: "chat",
        c.OI_KIND: "LLM",
        c.PROVIDER: provider,
        c.OI_PROVIDER: provider,
        c.REQUEST_MODEL: started.get("model"),
        c.RESPONSE_MODEL: data.get("model"),
        c.OI_MODEL: data.get("model") or started.get("model"),
        c.FINISH_REASONS: [data["finish_reason"]] if data.get("finish_reason") else None,
        c.INPUT_TOKENS: prompt,
        c.OUTPUT_TOKENS: completion,
        c.CACHE_READ_TOKENS: data.get("cached_tokens"),
        c.OI_PROMPT_TOKENS: prompt,
        c.OI_COMPLETION_TOKENS: completion,
        c.OI_TOTAL_TOKENS: settled,
        c.OI_CACHE_READ: data.get("cached_tokens"),
        c.OI_COST: None if cost is None else cost / 1_000_000,
        c.RESERVED_TOKENS: started.get("reserved_tokens"),
        c.SETTLED_TOKENS: settled,
        c.SETTLED_COST: cost,
        c.ESTIMATED: data.get("estimated"),
        c.OFFLINE: data.get("offline"),
    }
    if content:
        named |= {c.INPUT_MESSAGES: _asked(ended.request), c.OUTPUT_MESSAGES: _answered(ended.outcome)}
    return told(named) | call(started, ended, content=content)


def tool(started: Mapping[str, Any], ended: Happening, *, content: bool) -> Told:
    name = started.get("name") or ended.data.get("name")
    refused = ended.kind == "tool.refused"
    named: dict[str, object] = {
        c.OPERATION: "execute_tool",
        c.OI_KIND: "TOOL",
        c.TOOL_NAME: name,
        c.OI_TOOL: name,
        c.TOOL_TYPE: "function",
        c.TOOL_CALL_ID: ended.data.get("call"),
        c.TAINTED: ended.data.get("tainted"),
        c.DECISION: "refused" if refused else "allowed",
        c.RULE: ended.data.get("code") if refused else None,
    }
    if content:
        named |= {
            c.TOOL_ARGUMENTS: text(_part(ended.request, "arguments") or started.get("arguments")),
            c.TOOL_RESULT: text(_part(ended.outcome, "content")),
        }
    return told(named) | call(started, ended, content=content)


def recall(started: Mapping[str, Any], ended: Happening, *, content: bool) -> Told:
    records = _records(ended)
    named: dict[str, object] = {
        c.OPERATION: "retrieval",
        c.OI_KIND: "RETRIEVER",
        c.RECORDS: len(records),
        c.DEGRADED: ended.data.get("degraded"),
        c.RETRIEVAL_QUERY: text(_part(ended.request, "goal")) if content else None,
    }
    for place, record in enumerate(records[:MOST_RECORDS]):
        named[f"{c.OI_DOCUMENTS}.{place}.{c.OI_DOCUMENT_ID}"] = record.get("id")
        named[f"{c.OI_DOCUMENTS}.{place}.{c.OI_DOCUMENT_SCORE}"] = record.get("similarity")
    return told(named) | call(started, ended, content=content)


def guard(event: Happening) -> tuple[Told, tuple[Moment, ...]]:
    """The guard's verdict on records of one recall, each told as a moment."""
    label = "accepted" if event.kind == "recall.used" else "held_back"
    records = _records(event)
    moments = tuple(
        Moment(
            name="treehold.verdict",
            at=event.at,
            attributes=told(
                {
                    c.OI_DOCUMENT_ID: record.get("id"),
                    c.OI_DOCUMENT_SCORE: record.get("similarity"),
                    c.EVALUATION_EXPLANATION: record.get("reason"),
                }
            ),
        )
        for record in records[:MOST_RECORDS]
    )
    return _verdict("memory_guard", label) | {c.RECORDS: len(records)}, moments


def gate(event: Happening) -> Told:
    accepted = event.kind == "gate.accepted"
    named = {c.EVALUATION_EXPLANATION: event.data.get("code")}
    return _verdict("gate", "accepted" if accepted else "refused") | told(named)


def approval(asked: Mapping[str, Any], decided: Mapping[str, Any], *, content: bool) -> Told:
    decision = decided.get("decision", "withdrawn")
    named = {
        c.TOOL_NAME: asked.get("name"),
        c.TAINTED: asked.get("tainted"),
        c.DECISION: "allowed" if decision == "approve" else "refused",
        c.EDITED: decided.get("edited"),
        c.EXPIRED: decided.get("expired"),
        c.TOOL_ARGUMENTS: text(asked.get("arguments")) if content else None,
    }
    return _verdict("approval", decision) | told(named)


def call(started: Mapping[str, Any], ended: Happening, *, content: bool) -> Told:
    return told(
        {
            c.PURPOSE: started.get("name") or ended.data.get("name"),
            c.POSITION: started.get("position"),
            c.ATTEMPTS: ended.data.get("attempts"),
            c.REPLAYED: ended.data.get("replayed"),
            c.MESSAGE: text(ended.data.get("message")) if content else None,
        }
    )


def text(value: object) -> str | None:
    if value is None:
        return None
    whole = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return clipped(whole, MOST_CHARACTERS)


def _verdict(name: str, label: str) -> Told:
    return {c.OI_KIND: "GUARDRAIL", c.EVALUATION_NAME: name, c.EVALUATION_LABEL: label}


def _records(event: Happening) -> list[dict[str, Any]]:
    return list(event.data.get("records") or ())


def _part(value: Any, name: str) -> Any:
    return cast(dict[str, Any], value).get(name) if isinstance(value, dict) else None


def _asked(request: Any) -> str | None:
    messages = _part(request, "messages")
    if not isinstance(messages, list):
        return None
    last = cast(list[dict[str, Any]], messages)[-MOST_MESSAGES:]
    share = MOST_CHARACTERS // max(1, len(last))
    return json.dumps(
        [_message(part.get("role", "user"), part.get("content"), share) for part in last], ensure_ascii=False
    )


def _answered(outcome: Any) -> str | None:
    content = _part(outcome, "content")
    if content is None:
        return None
    return json.dumps([_message("assistant", content, MOST_CHARACTERS)], ensure_ascii=False)


def _message(role: str, content: object, most: int) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": clipped(str(content or ""), most)}]}
