"""Working by rule: search each input for the question, then return the lines nearest to it as quotes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson
from pydantic import JsonValue

from inference.model import Message, ModelRequest, ToolCall
from inference.offline import tables
from inference.offline.wording import is_broad, is_title, nearness, words

MOST_FILES = 8
MOST_QUOTES = 4
MOST_RETURNED = 8
LONGEST_QUOTE = 400
PASSAGES_PER_FILE = 4
BROAD_WORTH = 0.5
"""Of every line, where a question names no subject."""
LEAST_WORDS = 3
"""Meaning words below which a line of prose is taken for a heading."""

_HEAD = re.compile(r"^(?P<path>.+):(?P<first>\d+)-(?P<last>\d+) \(score (?P<score>-?[\d.]+)\)$")
_LINE = re.compile(r"^(?P<number>\d+)\t(?P<text>.*)$")

BLOCK_END = "\u2424"
"""How tools show that a new block of a page begins within a line; no quote reaches over it."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z*`\"'(])")

Call = tuple[str, dict[str, JsonValue]]
"""A tool's name and arguments."""


@dataclass(frozen=True, kw_only=True)
class Line:
    file: str
    number: int
    text: str
    score: float

    def sentences(self) -> Iterable[Line]:
        for text in quotable(self.text):
            yield replace(self, text=text)

    def finding(self, relevance: float) -> JsonValue:
        return {
            "file": self.file,
            "line": self.number,
            "quote": self.text,
            "relevance": round(relevance, 3),
        }


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
    computing = tables.follow_up(question, messages, _shown_lines(messages))
    return tuple(
        _numbered(
            (call for arguments in computing for call in _computing(arguments, offered)), start=len(made) + 1
        )
    )


def _computing(arguments: tables.Arguments, offered: set[str]) -> Iterable[Call]:
    """What is computed, and the table's first line, which is the source to cite for it."""
    yield "read_table", arguments
    if "read_file" in offered:
        yield "read_file", {"path": arguments["path"], "lines": 1}


def _shown_lines(messages: Sequence[Message]) -> Mapping[str, list[str]]:
    """The lines that searches showed, whole, by file."""
    shown: dict[str, list[str]] = {}
    for line in _lines(messages):
        shown.setdefault(line.file, []).append(line.text)
    return shown


def _first_calls(question: str, file: Mapping[str, Any], offered: set[str]) -> Iterable[Call]:
    path = str(file["path"])
    if "search_meaning" in offered:
        yield "search_meaning", {"query": question[:2000], "path": path, "limit": PASSAGES_PER_FILE}
    if file["kind"] in tables.KINDS and "read_table" in offered:
        yield "read_table", {"path": path, "limit": tables.SAMPLED_ROWS}


def _numbered(calls: Iterable[Call], start: int = 1) -> Iterable[ToolCall]:
    for number, (name, arguments) in enumerate(calls, start):
        yield ToolCall(id=f"call_{number}", name=name, arguments=orjson.dumps(arguments).decode())


def _findings(question: str, messages: Sequence[Message], table_paths: set[str]) -> JsonValue:
    worth = _Worth(question, table_paths)
    lines = [sentence for line in _lines(messages) for sentence in line.sentences()]
    ranked = sorted(lines, key=lambda line: (-worth(line), line.file, line.number))
    chosen = [line for line in ranked if worth(line) > 0][:MOST_QUOTES]
    figures = tables.figures(question, messages)
    findings: list[JsonValue] = [line.finding(min(1.0, worth(line))) for line in chosen]
    findings += [line.finding(0.0) for line in _first_lines(messages) if line.file in figures.files]
    findings += [line.finding(0.0) for line in _titles(lines, {line.file for line in chosen})]
    found: dict[str, JsonValue] = {
        "status": "found" if findings or figures.figures else "not_found",
        "findings": findings[:MOST_RETURNED],
    }
    if figures.figures:
        found["figures"] = list(figures.figures)
    if figures.left_out:
        found["figures_left_out"] = figures.left_out
    return found


def _titles(lines: Iterable[Line], files: set[str]) -> Iterable[Line]:
    """Of each file the first line that may be its title: it says what the quotes below are about."""
    found: dict[str, Line] = {}
    for line in lines:
        if line.file in files and is_title(line.number, line.text):
            found.setdefault(line.file, line)
    return found.values()


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


def _lines(messages: Sequence[Message]) -> Iterable[Line]:
    """The numbered lines of all search results."""
    for message in messages:
        if message.role == "tool":
            yield from passage_lines(message.content)


def passage_lines(content: str) -> Iterable[Line]:
    """The numbered lines of a search result, as they were shown."""
    file, score = "", 0.0
    for shown in content.splitlines():
        if (head := _HEAD.match(shown)) is not None:
            file, score = head["path"], float(head["score"])
        elif file and (line := _LINE.match(shown)) is not None:
            yield Line(file=file, number=int(line["number"]), text=line["text"], score=score)


def _first_lines(messages: Sequence[Message]) -> Iterable[Line]:
    """First lines of files that were read for them, where they can be quoted whole."""
    paths = {
        call.id: str(orjson.loads(call.arguments)["path"])
        for message in messages
        for call in message.tool_calls
        if call.name == "read_file"
    }
    for message in messages:
        if message.role == "tool" and (path := paths.get(message.tool_call_id or "")):
            for shown in message.content.splitlines():
                if (line := _LINE.match(shown)) is not None and is_whole(line["text"]):
                    yield Line(file=path, number=int(line["number"]), text=line["text"], score=0.0)


def is_whole(shown: str) -> bool:
    """Whether text stands in the file exactly as it was shown."""
    return 0 < len(shown) <= LONGEST_QUOTE and "\\" not in shown and not shown.endswith("…")


def quotable(shown: str) -> Iterable[str]:
    """The sentences of a line that can be quoted; those of different blocks of a page stay apart."""
    if "\\" in shown or shown.endswith("…"):
        return
    for part in shown.split(BLOCK_END):
        for sentence in _SENTENCE_END.split(part):
            text = sentence.strip()
            if is_whole(text):
                yield text
