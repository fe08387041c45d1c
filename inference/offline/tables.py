"""Tables by rule: what the question names of their columns and values is filtered, grouped and computed."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from pydantic import JsonValue

from inference.model import Message
from inference.offline.figures import functions, label
from inference.offline.wording import among, is_broad, named, words

KINDS = frozenset({"csv", "jsonl"})
MOST_FIGURES = 24
MOST_NUMBER_COLUMNS = 3
SAMPLED_ROWS = 5

_HEAD = re.compile(r"^.*: [\d,]+ matching rows? of [\d,]+$")
_MORE = re.compile(r"^\((?P<count>[\d,]+) more not shown\)$")

Arguments = dict[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class Result:
    """A `read_table` call and the rows it showed; `more` counts those it did not."""

    arguments: Mapping[str, Any]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    more: int

    @property
    def path(self) -> str:
        return str(self.arguments["path"])

    @property
    def computed(self) -> bool:
        return "aggregates" in self.arguments


@dataclass(frozen=True, kw_only=True)
class Figures:
    """`files` are those that any of them was computed from; `left_out` counts those there was no room for."""

    figures: tuple[JsonValue, ...]
    files: tuple[str, ...]
    left_out: int


def results(messages: Sequence[Message]) -> list[Result]:
    """Every table read so far that gave rows."""
    asked = {
        call.id: call for message in messages for call in message.tool_calls if call.name == "read_table"
    }
    found: list[Result] = []
    for message in messages:
        call = asked.get(message.tool_call_id or "")
        if message.role == "tool" and call is not None:
            lines = message.content.splitlines()
            rows = [tuple(line.split("\t")) for line in lines[1:] if not line.startswith("(")]
            if rows and _HEAD.match(lines[0]):
                more = sum(
                    int(match["count"].replace(",", "")) for line in lines if (match := _MORE.match(line))
                )
                arguments = cast(dict[str, Any], orjson.loads(call.arguments))
                found.append(Result(arguments=arguments, columns=rows[0], rows=tuple(rows[1:]), more=more))
    return found


def follow_up(
    question: str, messages: Sequence[Message], lines: Mapping[str, Sequence[str]]
) -> Iterable[Arguments]:
    """For each table seen once, what the question asks to have computed from it; nothing where it asks none.

    Args:
        question: in the user's words.
        messages: so far.
        lines: of each file that the searches showed; a value the question names is known from them.
    """
    seen = results(messages)
    done = {result.path for result in seen if result.computed}
    for result in seen:
        if result.path not in done:
            done.add(result.path)
            arguments = _Reading(question, result, lines.get(result.path, ())).arguments()
            if arguments is not None:
                yield arguments


def figures(question: str, messages: Sequence[Message]) -> Figures:
    """The aggregates that were read, each under a label made of group, function and column."""
    found: list[JsonValue] = []
    files: dict[str, None] = {}
    total = 0
    for result in results(messages):
        if result.computed:
            computed = list(_computed(question, result))
            total += len(computed) + result.more * len(result.arguments["aggregates"])
            kept = computed[: MOST_FIGURES - len(found)]
            files |= {result.path: None} if kept else {}
            found += kept
    return Figures(figures=tuple(found), files=tuple(files), left_out=total - len(found))


def _computed(question: str, result: Result) -> Iterable[JsonValue]:
    grouped = len(result.arguments.get("group_by", ()))
    filtered = [str(where["value"]) for where in result.arguments.get("where", ())]
    asked = set(words(question))
    rows = [row for row in result.rows if grouped and _names(asked, row[0])] or result.rows
    for row in rows:
        for name, cell in zip(result.columns[grouped:], row[grouped:], strict=False):
            if (value := _number(cell)) is not None:
                group = [*filtered, *row[:grouped]]
                yield {"name": label(group, name), "value": value, "file": result.path}


class _Reading:
    """What a question asks of one table, of which the first rows are known."""

    def __init__(self, question: str, sample: Result, lines: Sequence[str]) -> None:
        self._asked = set(words(question))
        self._broad = is_broad(question)
        self._functions = functions(question)
        self._sample = sample
        columns = range(len(sample.columns))
        self._numbers = [sample.columns[index] for index in columns if _is_number_column(sample, index)]
        rows = [*sample.rows, *_rows_of(lines, len(sample.columns))]
        self._rows = [row for row in rows if row != sample.columns and len(row) == len(sample.columns)]

    def arguments(self) -> Arguments | None:
        conditions, several = self._filters()
        named_columns = [name for name in self._numbers if self._names_column(name)]
        groups = several or [
            name
            for name in self._texts()
            if self._names_column(name) and name not in {str(condition["column"]) for condition in conditions}
        ]
        if not (self._broad or named_columns or (self._functions and (conditions or groups))):
            return None
        aggregates = self._aggregates(
            named_columns or self._numbers[:MOST_NUMBER_COLUMNS], bool(named_columns)
        )
        call: Arguments = {"path": self._sample.path, "aggregates": aggregates}
        if conditions:
            call["where"] = cast(list[JsonValue], conditions)
        if groups:
            call["group_by"] = [groups[0]]
        return {**call, "limit": max(1, MOST_FIGURES // len(aggregates))}

    def _aggregates(self, columns: Sequence[str], are_named: bool) -> list[JsonValue]:
        chosen = [function for function in self._functions if function != "count"]
        if "count" in self._functions and not chosen and are_named:
            chosen = ["sum"]  # "how many visitors"
        chosen = chosen or ([] if self._functions else ["sum", "mean"])
        made: list[JsonValue] = [
            {"function": name, "column": column} for column in columns for name in chosen
        ]
        return made or [{"function": "count"}]

    def _filters(self) -> tuple[list[dict[str, JsonValue]], list[str]]:
        """Conditions for the columns of which the question names one value, and columns of several."""
        conditions: list[dict[str, JsonValue]] = []
        several: list[str] = []
        for index, name in enumerate(self._sample.columns):
            if name in self._numbers:
                continue
            values = dict.fromkeys(row[index] for row in self._rows if _names(self._asked, row[index]))
            if len(values) == 1:
                conditions.append({"column": name, "op": "=", "value": next(iter(values))})
            elif values:
                several.append(name)
        return conditions, several

    def _texts(self) -> list[str]:
        return [name for name in self._sample.columns if name not in self._numbers]

    def _names_column(self, name: str) -> bool:
        return any(among(word, self._asked) for word in named(name))


def _names(asked: set[str], cell: str) -> bool:
    """Whether the question names a cell's value, all of it."""
    said = words(cell)
    return bool(said) and set(said) <= asked


def _rows_of(lines: Sequence[str], width: int) -> list[tuple[str, ...]]:
    """The rows that lines of a CSV file hold, by the delimiter that gives them the table's width."""
    for delimiter in ",;\t|":
        rows = [tuple(row) for row in csv.reader(lines, delimiter=delimiter) if len(row) == width]
        if rows and width > 1:
            return rows
    return []


def _is_number_column(result: Result, index: int) -> bool:
    name = result.columns[index].lower()
    cells = [row[index] for row in result.rows if index < len(row) and row[index] != ""]
    named_as_id = name in {"id", "year"} or name.endswith("_id")
    return bool(cells) and not named_as_id and all(_number(cell) is not None for cell in cells)


def _number(cell: str) -> int | float | None:
    try:
        number = float(cell.replace(",", ""))
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    return int(number) if number.is_integer() and abs(number) < 1 << 53 else number
