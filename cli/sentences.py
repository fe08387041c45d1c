"""Events in words, for whoever watches a task."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, cast
from uuid import UUID

from core.text import clipped, printable
from treehold import Event

Data = Mapping[str, Any]

DEEDS: Mapping[str, tuple[str, str]] = {
    "calculate": ("calculated", "expression"),
    "http_get": ("fetched", "url"),
    "list_files": ("listed the files in", "path"),
    "read_file": ("read file", "path"),
    "read_table": ("read table", "path"),
    "search_files": ("searched the files for", "pattern"),
    "search_meaning": ("looked for passages about", "query"),
    "survey_files": ("surveyed the files", ""),
    "write_artifact": ("stored", "name"),
}
"""Tool -> what it did, and the argument that says with what."""


class Narrator:
    """Remembers of earlier events what later ones only point to."""

    def __init__(self) -> None:
        self._agents: dict[UUID, str] = {}
        self._root: UUID | None = None
        self._deeds: dict[str, str] = {}
        self._told: Mapping[str, Callable[[Event, Data], str | None]] = {
            "task.submitted": self._submitted,
            "task.cancelling": lambda _event, _data: "all agents are stopped",
            "task.paused": lambda _event, _data: "paused; calls in flight finish",
            "task.resumed": lambda _event, _data: "resumed",
            "agent.spawned": self._spawned,
            "agent.waiting": self._waiting,
            "agent.finished": self._finished,
            "agent.failed": self._failed,
            "approval.decided": self._decided,
            "agent.reclaimed": lambda event, _data: f"{self._who(event)} lost its worker process",
            "model.finished": self._answered,
            "model.retried": lambda event, data: f"{self._who(event)} asks the model again ({data['code']})",
            "model.failed": lambda event, data: f"{self._who(event)} got no answer: {data['message']}",
            "tool.started": self._began,
            "tool.finished": lambda event, data: f"{self._who(event)} {self._deed(data)}",
            "tool.failed": self._denied,
            "tool.refused": self._denied,
            "gate.refused": self._refused,
            "recall.used": self._recalled,
            "recall.held_back": lambda _event, data: f"held back {_count(len(data['records']), 'record')}",
            "message.received": lambda _event, data: f"message {data['number']}: {_said(data)}",
            "message.applied": lambda event, data: f"{self._who(event)} took message {data['number']} in",
            "message.answered": lambda _event, data: f"message {data['number']} is answered: {data['reply']}",
            "message.refused": lambda _event, data: f"message {data['number']} is refused: {data['message']}",
            "artifact.stored": lambda event, data: f"{self._who(event)} stored {data['name']}",
        }

    def sentence(self, event: Event) -> str | None:
        """None for what tells a reader nothing, and for a kind that this version does not know."""
        tell = self._told.get(event.kind)
        if tell is None:
            return None
        try:
            told = tell(event, cast(Data, event.data))
        except (KeyError, TypeError, ValueError):
            return event.kind
        return None if told is None else clipped(" ".join(printable(told).split()), 200)

    def _who(self, event: Event) -> str:
        return self._agents.get(event.agent, "an agent") if event.agent else "an agent"

    def _submitted(self, _: Event, data: Data) -> str | None:
        if "forked_from" in data:
            return f"forked from task {data['forked_from']} at event {data['forked_at']:,}"
        if data.get("workspace") is None:
            return "submitted"
        skipped = f", {data['skipped']:,} skipped" if data["skipped"] else ""
        return f"submitted with {_count(data['files'], 'file')}{skipped}"

    def _spawned(self, event: Event, data: Data) -> str | None:
        assert event.agent is not None, "somebody was spawned"
        if data["parent"] is None:
            self._root = event.agent
            self._agents[event.agent] = "the lead"
            return "a lead agent takes the task"
        self._agents[event.agent] = f"{data['role']} “{clipped(str(data['title']), 60)}”"
        return f"{self._agents[event.agent]} is sent out"

    def _waiting(self, event: Event, data: Data) -> str | None:
        if data["on"] == "timer":
            return f"{self._who(event)} waits until {data['until'][:19]} UTC"
        children = data["children"]
        return f"{self._who(event)} waits for {_count(children, 'agent')}" if children else None

    def _decided(self, _: Event, data: Data) -> str:
        how = "approved" if data["decision"] == "approve" else "denied"
        return f"{data['name']} is {how}{', for nobody decided in time' if data['expired'] else ''}"

    def _finished(self, event: Event, data: Data) -> str:
        return f"{self._who(event)} finished after {data['seconds']:.1f} s"

    def _refused(self, event: Event, data: Data) -> str:
        return f"the return of {self._who(event)} was refused ({data['code']})"

    def _failed(self, event: Event, data: Data) -> str | None:
        """How the root failed is how the task failed, which is said at the end."""
        return None if event.agent == self._root else f"{self._who(event)} failed: {data['message']}"

    def _answered(self, event: Event, data: Data) -> str:
        tokens = data["prompt_tokens"] + data["completion_tokens"]
        return f"the model answered {self._who(event)} in {data['seconds']:.1f} s, {tokens:,} tokens"

    def _began(self, _: Event, data: Data) -> str | None:
        deed, argument = DEEDS.get(data["name"], (f"used {data['name']}", ""))
        try:
            given = cast(dict[str, Any], json.loads(data.get("arguments") or "{}")).get(argument, "")
        except (ValueError, AttributeError):
            given = ""
        self._deeds[data["call"]] = f"{deed} {given}".strip()
        return None

    def _deed(self, data: Data) -> str:
        return self._deeds.pop(data["call"], f"used {data['name']}")

    def _denied(self, event: Event, data: Data) -> str:
        return f"{self._who(event)} could not use {data['name']}: {data['message']}"

    def _recalled(self, _: Event, data: Data) -> str | None:
        kinds = Counter(str(record["kind"]) for record in data["records"])
        if not kinds:
            return None
        return "recalled " + " and ".join(_count(number, kind) for kind, number in kinds.items())


def appeal(event: Event) -> str | None:
    """What a person must be told to do about an event, if anything: ids whole, and nothing left out."""
    if event.kind != "approval.requested":
        return None
    data, name = event.data, printable(str(event.data.get("name")))
    call = " ".join(printable(f"{name} {data.get('arguments')}").split())
    asked = (
        f"a worker was lost in this call, and nobody knows whether it took effect: {call}"
        if data.get("kind") == "unknown_outcome"
        else f"an approval is awaited: {call}"
    )
    approval = printable(str(data.get("approval")))
    choice = f"treehold approve {approval}, or: treehold deny {approval}"
    return f"{asked}\n  to decide: {choice}"


def _said(data: Data) -> str:
    return " ".join(str(part) for part in (data["kind"], data["node"], data["text"]) if part)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
