"""Prompts: texts in files of their own, and messages laid out from most shared to most volatile (law 10)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import JsonValue

from agents.brief import Brief, InputFile
from agents.ports import AgentFacts
from core.blocks import block
from core.provenance import Trust
from core.text import clipped, printable
from inference.model import Message, ToolDefinition
from memory import Recall
from tools.contract import ToolSpec

_FOLDER = Path(__file__).with_name("prompts")


@dataclass(frozen=True, kw_only=True)
class PromptText:
    """A role's instructions; `version` rises with every change of the text."""

    name: str
    version: int
    text: str


@cache
def load(name: str) -> PromptText:
    head, _, text = (_FOLDER / f"{name}.md").read_text().partition("\n---\n")
    return PromptText(name=name, version=int(head.removeprefix("version:")), text=text.strip())


def stamp(name: str) -> dict[str, JsonValue]:
    """Which text a request was written with, for the journal; nodes are not told."""
    return {"prompt": name, "version": load(name).version}


def system(name: str) -> Message:
    return Message(role="system", content=load(name).text)


def definitions(specs: Sequence[ToolSpec]) -> tuple[ToolDefinition, ...]:
    """Tools as the model is told of them, sorted by name."""
    return tuple(
        ToolDefinition(name=spec.name, description=spec.description, parameters=spec.parameters)
        for spec in sorted(specs, key=lambda spec: spec.name)
    )


def goal_block(brief: Brief) -> str:
    return block("goal", brief.task_goal, Trust.USER)


def brief_blocks(agent: AgentFacts, inputs: Sequence[InputFile] | None = None) -> str:
    """An agent's own part: path, question, files (those of its brief, unless others are given).

    A lead names files by their refs; a worker, which hands paths to its tools, sees no refs to mix up.
    """
    brief, trust = agent.brief, agent.provenance.trust
    files = brief.inputs if inputs is None else inputs
    steps: list[JsonValue] = [step.model_dump(mode="json", exclude_none=True) for step in brief.path]
    entry = planned_file if agent.role == "lead" else given_file
    return "\n".join(
        [
            block("path", steps, trust),
            block("question", brief.question, Trust.USER if brief.question in brief.said else trust),
            block("inputs", [entry(file) for file in files], Trust.UNTRUSTED),
        ]
    )


def given_file(file: InputFile) -> dict[str, JsonValue]:
    return {"path": clipped(printable(file.path), 300), "kind": file.kind, "bytes": file.size}


def planned_file(file: InputFile) -> dict[str, JsonValue]:
    return {"ref": file.ref, **given_file(file), "score": round(file.score, 3)}


def steering_message(said: Sequence[dict[str, JsonValue]]) -> Message:
    """All that the user said so far, in order."""
    return Message(role="user", content=block("steering", [*said], Trust.USER))


def recall_block(recall: Recall) -> str:
    """What memory gave, frozen for the agent's life; one record per origin, as data."""
    records: list[JsonValue] = [
        {
            "kind": record.kind,
            "title": record.title,
            "lines": list(record.lines),
            "trust": record.trust.name.lower(),
            "checked": record.verdict.decision,
        }
        for record in recall.used
    ]
    return block("recalled", records, min((record.trust for record in recall.used), default=Trust.PLATFORM))
