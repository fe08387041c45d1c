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
from inference.offline.figures import label
from inference.offline.questions import TableQuestion
from inference.offline.wording import among, is_broad, named, words

KINDS = frozenset({"csv", "jsonl"})
MOST_FIGURES = 24
MOST_NUMBER_COLUMNS = 3
SAMPLED_ROWS = 5

_HEAD = re.compile(r"^.*: [\d,]+ matching rows? of [\d,]+$")
_MORE = re.compile(r"^\((?P<count>[\d,]+) more not shown\)$")

_NUMBERED = frozenset(words("id no nr number code status year zip port"))
"""Words of columns whose numbers are names of something: they have no sum."""

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
    filtered = [_condition(where) for where in result.arguments.get("where", ())]
    asked = set(words(question))
    rows = [row for row in result.rows if grouped and _names(asked, row[0])] or result.rows
    for row in rows:
        for name, cell in zip(result.columns[grouped:], row[grouped:], strict=False):
            if (value := _number(cell)) is not None:
                group = [*filtered, *row[:grouped]]
                yield {"name": label(group, name), "value": value, "file": result.path}


def _condition(where: Mapping[str, Any]) -> str:
    """A value by itself says what it is; a number does with its column."""
    value = str(where["value"])
    return value if _number(value) is None else f"{where['column']}-{value}"


class _Reading:
    """What a question asks of one table, of which the first rows are known."""

    def __init__(self, question: str, sample: Result, lines: Sequence[str]) -> None:
        self._question = TableQuestion(question)
        self._broad = is_broad(question)
        self._sample = sample
        columns = range(len(sample.columns))
        self._numbers = [sample.columns[index] for index in columns if _is_number_column(sample, index)]
        rows = [*sample.rows, *_rows_of(lines, sample.columns)]
        self._rows = [row for row in rows if row != sample.columns and len(row) == len(sample.columns)]

    def arguments(self) -> Arguments | None:
        """The call that computes what is asked, all of it; None where rules cannot be sure of that."""
        if self._question.beyond_rules and not self._broad:
            return None
        conditions, several = self._filters()
        filtered = {str(condition["column"]) for condition in conditions}
        grouped, group = self._question.grouping(self._sample.columns)
        if self._has_unknown(conditions, several) or (grouped and not (group or filtered or several)):
            return None
        groups = [group] if group and group not in filtered else list(several)[:1]
        summable = [
            name
            for name in self._numbers
            if name not in filtered and name not in groups and not (_NUMBERED & set(named(name)))
        ]
        named_columns = self._named(summable)
        if "count" in self._question.functions:
            aggregates = self._counting(named_columns, bool(conditions or groups))
        elif self._broad or named_columns or (self._question.functions and (conditions or groups)):
            aggregates = self._aggregates(named_columns or summable[:MOST_NUMBER_COLUMNS])
        else:
            aggregates = []
        if not aggregates:
            return None
        call: Arguments = {"path": self._sample.path, "aggregates": aggregates}
        if conditions:
            call["where"] = cast(list[JsonValue], conditions)
        if groups:
            call["group_by"] = cast(list[JsonValue], groups)
        return {**call, "limit": max(1, MOST_FIGURES // len(aggregates))}

    def _counting(self, named_columns: Sequence[str], chosen: bool) -> list[JsonValue]:
        """Rows are counted; a column is summed where it is itself what is counted, in total."""
        counted = [name for name in named_columns if self._question.counts(name)]
        if counted and "sum" in self._question.functions:
            return [{"function": "sum", "column": name} for name in counted]
        if counted:
            return []
        file = named(self._sample.path.rpartition("/")[2].partition(".")[0])
        return [{"function": "count"}] if chosen or not self._question.other_words(file) else []

    def _aggregates(self, columns: Sequence[str]) -> list[JsonValue]:
        chosen = self._question.functions or ["sum", "mean"]
        made: list[JsonValue] = [
            {"function": name, "column": column} for column in columns for name in chosen
        ]
        return made or ([{"function": "count"}] if self._broad else [])

    def _named(self, columns: Sequence[str]) -> list[str]:
        """The columns the question names in full; else those of which it has a word."""
        asked = self._question.words
        full = [name for name in columns if all(among(word, asked) for word in named(name)) and named(name)]
        return full or [name for name in columns if any(among(word, asked) for word in named(name))]

    def _filters(self) -> tuple[list[dict[str, JsonValue]], dict[str, list[str]]]:
        """Conditions for the columns of which the question names one value, and the values of others."""
        conditions: list[dict[str, JsonValue]] = []
        several: dict[str, list[str]] = {}
        for index, name in enumerate(self._sample.columns):
            values = self._values_of(index, name)
            if len(values) == 1:
                conditions.append({"column": name, "op": "=", "value": values[0]})
            elif values:
                several[name] = values
        return conditions, several

    def _values_of(self, index: int, name: str) -> list[str]:
        if name not in self._numbers:
            asked = set(self._question.words)
            return list(dict.fromkeys(row[index] for row in self._rows if _names(asked, row[index])))
        known = {row[index] for row in self._rows}
        behind = self._question.numbers_of(name)
        said = [number for number in self._question.numbers if number in known or number in behind]
        return said if behind or "count" in self._question.functions else []

    def _has_unknown(
        self, conditions: Sequence[Mapping[str, JsonValue]], several: Mapping[str, Sequence[str]]
    ) -> bool:
        """Whether the question has a number that is no value of the table: it may limit what is asked."""
        values = [
            *(str(part["value"]) for part in conditions),
            *(one for many in several.values() for one in many),
        ]
        return not self._broad and any(
            not any(number in value for value in values) for number in self._question.numbers
        )


def _names(asked: set[str], cell: str) -> bool:
    """Whether the question names a cell's value, all of it."""
    said = words(cell)
    return bool(said) and set(said) <= asked


def _rows_of(lines: Sequence[str], columns: Sequence[str]) -> list[tuple[str, ...]]:
    """The rows that lines of a file hold: JSON, or CSV by the delimiter that gives them the table's width."""
    records = [record for line in lines if (record := _record(line)) is not None]
    if records:
        return [tuple(_shown(record.get(name)) for name in columns) for record in records]
    for delimiter in ",;\t|":
        rows = [tuple(row) for row in csv.reader(lines, delimiter=delimiter) if len(row) == len(columns)]
        if rows and len(columns) > 1:
            return rows
    return []


def _record(line: str) -> dict[str, Any] | None:
    try:
        found: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return cast(dict[str, Any], found) if isinstance(found, dict) else None


def _shown(value: Any) -> str:
    return "" if value is None else str(value)


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
