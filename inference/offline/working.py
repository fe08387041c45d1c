"""Working by rule: search each input for the question, then return the lines nearest to it as quotes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import orjson
from pydantic import JsonValue

from inference.model import Message, ModelRequest, ToolCall
from inference.offline import comparing, tables
from inference.offline.sentences import is_whole, quotable
from inference.offline.wording import LABELLED, is_broad, is_section, is_title, labelled, nearness, words

MOST_FILES = 8
MOST_QUOTES = 4
MOST_RETURNED = 8
PASSAGES_PER_FILE = 4
BROAD_WORTH = 0.5
"""Of every line, where a question names no subject."""
LEAST_WORDS = 3
"""Meaning words below which a line of prose is taken for a heading."""

_HEAD = re.compile(r"^(?P<path>.+):(?P<first>\d+)-(?P<last>\d+) \(score (?P<score>-?[\d.]+)\)$")
_MORE = re.compile(r"^\(more: call read_file with start=(?P<start>\d+)\)$", re.MULTILINE)
_LINE = re.compile(r"^(?P<number>\d+)\t(?P<text>.*)$")

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
    request = request.model_copy(update={"messages": (*request.messages, *_given(blocks.get("results")))})
    offered = {tool.name for tool in request.tools}
    if request.kind == "act":
        calls = _next_calls(question, inputs, request.messages, offered)
        if calls:
            return "", calls
    if compared := comparing.compared(question, [str(file["path"]) for file in inputs]):
        return orjson.dumps(_differences(compared, request.messages)).decode(), ()
    table_paths = {str(file["path"]) for file in inputs if file["kind"] in tables.KINDS}
    return orjson.dumps(_findings(question, request.messages, table_paths)).decode(), ()


def _given(results: JsonValue) -> Iterable[Message]:
    """Results that are given as data, in a prompt that has no room for all of them, as if called for."""
    for number, result in enumerate(cast(list[dict[str, str]], results or [])):
        call = ToolCall(id=f"given_{number}", name=result["tool"], arguments=result["arguments"])
        yield Message(role="assistant", tool_calls=(call,))
        yield Message(role="tool", content=result["result"], tool_call_id=call.id)


def _next_calls(
    question: str, inputs: Sequence[dict[str, Any]], messages: Sequence[Message], offered: set[str]
) -> tuple[ToolCall, ...]:
    compared = comparing.compared(question, [str(file["path"]) for file in inputs])
    made = [call for message in messages for call in message.tool_calls]
    if compared and "read_file" in offered:
        return tuple(_numbered(_reading(compared, messages), start=len(made) + 1))
    if not made:
        return tuple(_numbered(call for file in inputs for call in _first_calls(question, file, offered)))
    computing = tables.follow_up(question, messages, _shown_lines(messages))
    return tuple(
        _numbered(
            (call for arguments in computing for call in _computing(arguments, offered)), start=len(made) + 1
        )
    )


def _reading(paths: Sequence[str], messages: Sequence[Message]) -> Iterable[Call]:
    """What is still unread of these files, from their beginnings to their ends."""
    read = _read_results(messages)
    for path in paths:
        results = [content for file, content in read if file == path]
        if not results:
            yield "read_file", {"path": path}
        elif (more := _MORE.search(results[-1])) is not None:
            yield "read_file", {"path": path, "start": int(more["start"])}


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


def _differences(paths: Sequence[str], messages: Sequence[Message]) -> JsonValue:
    read: dict[str, list[tuple[int, str]]] = {path: [] for path in paths}
    for line in _read_lines(messages):
        read[line.file].append((line.number, line.text))
    found = [
        Line(file=file, number=number, text=text.strip(), score=1.0).finding(1.0)
        for file, number, text in comparing.differences(read)
        if is_whole(text.strip())
    ]
    status = "found" if found else "not_found"
    return {
        "status": status if len(found) <= MOST_RETURNED else "partial",
        "findings": found[:MOST_RETURNED],
    }


def _findings(question: str, messages: Sequence[Message], table_paths: set[str]) -> JsonValue:
    worth = _Worth(question, table_paths)
    shown = list(_lines(messages))
    bodies = _bodies(shown)
    lines = [sentence for line in shown for sentence in line.sentences()]
    worths = {
        line: max(worth(line), worth.of_section(line, bodies.get((line.file, line.number)))) for line in lines
    }
    ranked = sorted(worths, key=lambda line: (-worths[line], line.file, line.number))
    chosen = [line for line in ranked if worths[line] > 0][:MOST_QUOTES]
    files = {line.file for line in chosen}
    figures = tables.figures(question, messages)
    findings: list[JsonValue] = [line.finding(min(1.0, worths[line])) for line in chosen]
    findings += [line.finding(0.0) for line in _first_lines(messages) if line.file in figures.files]
    findings += [line.finding(0.0) for line in _titles(lines, files)]
    findings += [
        head.finding(0.0)
        for line in chosen
        if (head := bodies.get((line.file, line.number))) is not None and is_whole(head.text)
    ]
    findings += [
        line.finding(LABELLED)
        for line in ranked
        if line.file in files and line not in chosen and labelled(line.text) is not None
    ]
    found: dict[str, JsonValue] = {
        "status": "found" if findings or figures.figures else "not_found",
        "findings": findings[:MOST_RETURNED],
    }
    if figures.figures:
        found["figures"] = list(figures.figures)
    if figures.left_out:
        found["figures_left_out"] = figures.left_out
    return found


def _bodies(lines: Sequence[Line]) -> Mapping[tuple[str, int], Line]:
    """By file and number, the first line with text below a heading, and that heading."""
    found: dict[tuple[str, int], Line] = {}
    heading: Line | None = None
    for line in lines:
        if is_section(line.text):
            heading = line
        elif heading is not None and line.text.strip():
            if line.file == heading.file and 0 < line.number - heading.number <= 2:
                found[line.file, line.number] = heading
            heading = None
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
        brief = line.file in self._table_paths or labelled(line.text) is not None
        least = 1 if brief else LEAST_WORDS
        if not own or len(words(line.text)) < least:
            return 0.0
        return 0.5 * max(0.0, line.score) + 0.5 * own

    def of_section(self, line: Line, heading: Line | None) -> float:
        """Of a line right below a heading that has a word of the question."""
        own = 0.0 if heading is None else nearness(self._asked, heading.text)
        return 0.5 * max(0.0, line.score) + 0.5 * own if own else 0.0


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
    return (line for line in _read_lines(messages) if is_whole(line.text))


def _read_lines(messages: Sequence[Message]) -> Iterable[Line]:
    for path, content in _read_results(messages):
        for shown in content.splitlines():
            if (line := _LINE.match(shown)) is not None:
                yield Line(file=path, number=int(line["number"]), text=line["text"], score=0.0)


def _read_results(messages: Sequence[Message]) -> list[tuple[str, str]]:
    """What `read_file` gave, in order, with its path."""
    paths = {
        call.id: str(orjson.loads(call.arguments)["path"])
        for message in messages
        for call in message.tool_calls
        if call.name == "read_file"
    }
    return [
        (path, message.content)
        for message in messages
        if message.role == "tool" and (path := paths.get(message.tool_call_id or ""))
    ]
