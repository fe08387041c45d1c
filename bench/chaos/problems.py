"""Tasks whose right answers are known, and the model that works on them: sums, in parts, some split."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bench.chaos import effects
from bench.support.replies import Answer, Reply, ToolUse
from bench.support.scripted_node import Request
from bench.support.scripts import ALLOWED
from bench.support.small_model import Asked, understood

Sum = str | list["Sum"]
"""One expression, or what is to be added."""

OUTPUT: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["total"],
    "properties": {"total": {"type": "number"}},
}
MOST_SECONDS = 0.12
"""Of the model for one reply."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    number: int
    parts: list[Sum]
    total: int

    @property
    def goal(self) -> str:
        return _question(self.number, "", self.parts)

    def entries(self) -> Iterator[str]:
        """What its workers are to enter in the ledger, once each."""
        return _entries(self.number, "", self.parts)


def number_of(goal: str) -> int:
    return json.loads(goal)["task"]


def problem(number: int, chance: random.Random) -> Problem:
    """One to three parts; now and then a part is two."""
    total = 0

    def expression() -> str:
        nonlocal total
        first, second, third = (chance.randint(2, 99) for _ in range(3))
        total += first * second + third
        return f"{first} * {second} + {third}"

    parts: list[Sum] = []
    for _ in range(chance.randint(1, 3)):
        split = chance.random() < 0.2
        parts.append([expression(), expression()] if split else expression())
    return Problem(number=number, parts=parts, total=total)


def _question(number: int, part: str, wanted: Sum) -> str:
    return json.dumps({"task": number, "part": part, "sum": wanted})


def _entries(number: int, part: str, wanted: Sum) -> Iterator[str]:
    if isinstance(wanted, str):
        yield f"{number}{part}"
        return
    for index, smaller in enumerate(wanted):
        yield from _entries(number, f"{part}.{index}", smaller)


class SummingModel:
    """A script for a node: the same request gets the same reply, whoever asks, but not as fast."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def __call__(self, request: Request) -> Reply:
        asked = understood(request)
        return _spoken(asked, delay=self._chance.uniform(0.005, MOST_SECONDS))


def _spoken(asked: Asked, *, delay: float) -> Answer:
    if asked.moment == "validate":
        return Answer(content=json.dumps(ALLOWED), delay=delay)
    task = json.loads(str(asked.blocks["question"]))
    match asked.moment:
        case "plan":
            return Answer(content=json.dumps({"subtasks": _steps(task)}), delay=delay)
        case "act":
            return Answer(tool_calls=_first_calls(task), delay=delay)
        case "report" | "return":
            return Answer(content=json.dumps(_found(task, asked.results[0])), delay=delay)
        case "select":
            return Answer(content=json.dumps({"status": "found", "cites": []}), delay=delay)
        case "answer":
            return Answer(content=json.dumps(_answer(asked)), delay=delay)


def _steps(task: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "title": f"Part {index}",
            "question": _question(task["task"], f"{task['part']}.{index}", smaller),
            "inputs": [],
            "split": not isinstance(smaller, str),
            "after": [],
        }
        for index, smaller in enumerate(task["sum"])
    ]


def _first_calls(task: dict[str, Any]) -> tuple[ToolUse, ...]:
    entry = json.dumps({"entry": f"{task['task']}{task['part']}"})
    return (
        ToolUse(name="calculate", arguments=json.dumps({"expression": task["sum"]})),
        *(ToolUse(name=name, arguments=entry) for name in effects.NAMES.values()),
    )


def _found(task: dict[str, Any], result: str) -> dict[str, Any]:
    figure = {"name": f"part{task['part']}", "value": int(result)}
    return {"status": "found", "findings": [], "figures": [figure]}


def _answer(asked: Asked) -> dict[str, Any]:
    figures = asked.blocks["findings"]["figures"]
    total = sum(int(figure["value"]) for figure in figures)
    return {
        "paragraphs": [{"text": f"Together they are {total}.", "cites": []}],
        "complete": True,
        "output": {"total": total},
    }
