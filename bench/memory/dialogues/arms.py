"""Memories of a conversation under one parser: what differs is what each keeps, and shows the parser.

The parser is the offline model's, which is rules; a language model would read more out of a bare transcript.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
from pydantic import JsonValue

from agents import prompt
from agents.saying import AskedInterpreter
from bench.memory.dialogues.scripted import local_store, run_again, values_of
from core.blocks import block
from core.errors import ModelError
from core.provenance import Trust
from inference import ModelGateway, SilentObserver
from inference.estimate import text_tokens
from inference.model import ModelReply, ModelRequest
from inference.offline import OfflineProvider
from inference.offline.changing import change
from memory.task_tree import Conversation, new_key, reading_schema

TRACE = 6
"""Of its own actions, those that the ReAct-style memory looks back on."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What an arm made of a turn.

    Attributes:
        values: the slots and values it holds, after it.
        again: the slots it does again; `None` where it cannot tell which, and would do all.
        answer: what it says.
        asked: whether it asked back, or said that it cannot do it.
        prompt_tokens: of all its calls in this turn.
    """

    values: dict[str, str]
    again: frozenset[str] | None
    answer: str
    asked: bool
    prompt_tokens: int


class Arm(Protocol):
    async def hear(self, said: str) -> Heard: ...


class TreeArm:
    """Treehold: the tree, its digest, one structured call."""

    def __init__(self) -> None:
        self._store = local_store()
        self._gateway = ModelGateway(OfflineProvider())
        self._talk = Conversation(self._store, AskedInterpreter(self._ask), text_tokens)
        self._turns = 0
        self._tokens = 0

    async def hear(self, said: str) -> Heard:
        self._turns += 1
        self._tokens = 0
        try:
            answer = await self._talk.say(said, change_id=f"turn-{self._turns}")
        except ModelError as error:
            return await self._heard(str(error), asked=True)
        return await self._heard(answer.text, asked=answer.status in {"unclear", "refused"})

    async def _heard(self, text: str, *, asked: bool) -> Heard:
        tree = await self._store.load()
        again = await run_again(self._store, tree, self._turns)
        return Heard(
            values=values_of(tree), again=again, answer=text, asked=asked, prompt_tokens=self._tokens
        )

    async def _ask(self, request: ModelRequest) -> ModelReply:
        self._tokens += sum(text_tokens(message.content) for message in request.messages)
        return await self._gateway.complete(request, SilentObserver())


@dataclass
class _Known:
    """A slot as a transcript tells of it: the values said of it, the last one last."""

    title: str
    values: list[str] = field(default_factory=list[str])
    changed: int = 0


class TranscriptArm:
    """A flat transcript: the last thing said of a slot is its value. What was undone is not in the words.

    With `trace`, in the manner of ReAct: it looks a slot up, acts on it, and has its last actions before it
    with what they replaced; each turn is two calls.
    """

    def __init__(self, *, trace: bool) -> None:
        self._trace = trace
        self._known: dict[str, _Known] = {}
        self._said: list[str] = []
        self._actions: list[tuple[str, str]] = []
        """Slots acted on, and the value they had before."""

    async def hear(self, said: str) -> Heard:
        tokens = self._prompt_tokens(said)
        keys = list(self._known)
        nodes: JsonValue = [self._line(key) for key in keys]
        blocks = {"nodes": nodes, "gone": [], "said": said}
        reading: Any = change(blocks, reading_schema(keys, holds="value"))
        done = [self._act(operation) for operation in reading["operations"]]
        answer = " ".join(part for part in done if part)
        asked = bool(reading["needs_clarification"]) or any(part is None for part in done)
        self._said += [f"user: {said}", f"assistant: {answer or 'Which one?'}"]
        values = {known.title: known.values[-1] for known in self._known.values()}
        return Heard(values=values, again=None, answer=answer, asked=asked, prompt_tokens=tokens)

    def _line(self, key: str) -> JsonValue:
        known = self._known[key]
        before: list[JsonValue] = [value for slot, value in self._recent() if slot == key]
        return {
            "id": key,
            "title": known.title,
            "value": known.values[-1],
            "was": [*reversed(before)] or ["?"],
            "changed": known.changed,
        }

    def _recent(self) -> Sequence[tuple[str, str]]:
        return self._actions[-TRACE:] if self._trace else ()

    def _act(self, operation: Any) -> str | None:
        """Returns what it says, or `None` where it cannot do it."""
        match operation["op"]:
            case "query":
                wanted = operation["nodes"] or list(self._known)
                return "; ".join(f"{self._known[key].title}: {self._known[key].values[-1]}" for key in wanted)
            case "create":
                key = new_key(operation["title"], self._known.keys())
                self._known[key] = _Known(operation["title"])
                return self._set(key, str(operation["value"]))
            case "set_value":
                return self._set(operation["node"], str(operation["value"]))
            case "retire":
                return f"{self._known.pop(operation['node']).title} is out"
            case "rollback":
                return self._back(operation["node"], operation["to"])
            case _:
                return "noted"

    def _set(self, key: str, value: str) -> str:
        known = self._known[key]
        if known.values:
            self._actions.append((key, known.values[-1]))
        known.values.append(value)
        known.changed = len(self._said) + 1
        return f"{known.title}: {value}"

    def _back(self, key: str, to: str) -> str | None:
        before = [value for slot, value in self._recent() if slot == key]
        if not before:
            return None
        return self._set(key, before[0] if to == "original" else before[-1])

    def _prompt_tokens(self, said: str) -> int:
        parts = [
            prompt.load("keeper").text,
            *self._said,
            block("said", said, Trust.USER),
            prompt.load("changes").text,
        ]
        trace = [orjson.dumps(action).decode() for action in self._recent()]
        once = sum(text_tokens(part) for part in (*parts, *trace))
        return 2 * once if self._trace else once


ARMS = {
    "tree": TreeArm,
    "flat": lambda: TranscriptArm(trace=False),
    "react": lambda: TranscriptArm(trace=True),
}
