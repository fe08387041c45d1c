"""Working by rule: search each input for the question, then return the lines nearest to it as quotes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from pydantic import JsonValue

from inference.model import Message, ModelRequest, ToolCall
from inference.offline import tables
from inference.offline.wording import is_broad, nearness, words

MOST_FILES = 8
MOST_QUOTES = 4
LONGEST_QUOTE = 400
PASSAGES_PER_FILE = 4
BROAD_WORTH = 0.5
"""Of every line, where a question names no subject."""
LEAST_WORDS = 3
"""Meaning words below which a line of prose is taken for a heading."""

_HEAD = re.compile(r"^(?P<path>.+):(?P<first>\d+)-(?P<last>\d+) \(score (?P<score>-?[\d.]+)\)$")
_LINE = re.compile(r"^(?P<number>\d+)\t(?P<text>.*)$")

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z*`\"'(])")

Call = tuple[str, dict[str, JsonValue]]
"""A tool's name and arguments."""


@dataclass(frozen=True, kw_only=True)
class Line:
    file: str
    number: int
    text: str
    score: float


def work(blocks: Mapping[str, JsonValue], request: ModelRequest) -> tuple[str, tuple[ToolCall, ...]]:
    """The next step of a worker: tool calls while something is still unread, then its return."""
    question = str(blocks.get("question") or blocks.get("goal") or "")
    inputs = cast(list[dict[str, Any]], blocks.get("inputs") or [])[:MOST_FILES]
    offered = {tool.name for tool in request.tools}
    if request.kind == "act":
        calls = _next_calls(question, inputs, request.messages, offered)
        if calls:
            return "", calls
    table_paths = {str(file["path"]) for file in inputs if file["kind"] in tables.KINDS}
    return orjson.dumps(_findings(question, request.messages, table_paths)).decode(), ()


def _next_calls(
    question: str, inputs: Sequence[dict[str, Any]], messages: Sequence[Message], offered: set[str]
) -> tuple[ToolCall, ...]:
    made = [call for message in messages for call in message.tool_calls]
    if not made:
        return tuple(_numbered(call for file in inputs for call in _first_calls(question, file, offered)))
    return tuple(_numbered(tables.follow_up(question, messages), start=len(made) + 1))


def _first_calls(question: str, file: Mapping[str, Any], offered: set[str]) -> Iterable[Call]:
    path = str(file["path"])
    if "search_meaning" in offered:
        yield "search_meaning", {"query": question[:2000], "path": path, "limit": PASSAGES_PER_FILE}
    if file["kind"] in tables.KINDS and "read_table" in offered:
        yield "read_table", {"path": path, "limit": 5}


def _numbered(calls: Iterable[Call], start: int = 1) -> Iterable[ToolCall]:
    for number, (name, arguments) in enumerate(calls, start):
        yield ToolCall(id=f"call_{number}", name=name, arguments=orjson.dumps(arguments).decode())


def _findings(question: str, messages: Sequence[Message], table_paths: set[str]) -> JsonValue:
    results = [message.content for message in messages if message.role == "tool"]
    worth = _Worth(question, table_paths)
    lines = [line for content in results for line in passage_lines(content)]
    ranked = sorted(lines, key=lambda line: (-worth(line), line.file, line.number))
    chosen = [line for line in ranked if worth(line) > 0][:MOST_QUOTES]
    findings: list[JsonValue] = [
        {
            "file": line.file,
            "line": line.number,
            "quote": line.text,
            "relevance": round(min(1.0, worth(line)), 3),
        }
        for line in chosen
    ]
    figures = tables.figures(question, messages)
    found: dict[str, JsonValue] = {
        "status": "found" if findings or figures else "not_found",
        "findings": findings,
    }
    if figures:
        found["figures"] = figures
    return found


class _Worth:
    """What a line is worth for a question, 0 to 1.

    Half by the passage it stands in, half by its own words, of which it must share one with the question; a
    question for all there is asks for no word. Headings and rules say little, those of a table say much.
    """

    def __init__(self, question: str, table_paths: set[str]) -> None:
        self._asked = words(question)
        self._broad = is_broad(question)
        self._table_paths = table_paths

    def __call__(self, line: Line) -> float:
        own = BROAD_WORTH if self._broad else nearness(self._asked, line.text)
        least = 1 if line.file in self._table_paths else LEAST_WORDS
        if not own or len(words(line.text)) < least:
            return 0.0
        return 0.5 * max(0.0, line.score) + 0.5 * own


def passage_lines(content: str) -> Iterable[Line]:
    """The numbered lines of a search result that can be quoted whole."""
    file, score = "", 0.0
    for shown in content.splitlines():
        if (head := _HEAD.match(shown)) is not None:
            file, score = head["path"], float(head["score"])
        elif file and (line := _LINE.match(shown)) is not None:
            for text in quotable(line["text"]):
                yield Line(file=file, number=int(line["number"]), text=text, score=score)


def quotable(shown: str) -> Iterable[str]:
    """The sentences of a line that stand in the file exactly as they were shown."""
    if "\\" in shown or shown.endswith("…"):
        return
    for sentence in _SENTENCE_END.split(shown):
        text = sentence.strip()
        if 0 < len(text) <= LONGEST_QUOTE:
            yield text
