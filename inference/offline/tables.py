"""Tables by rule: sums of the number columns, by the column the question names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import orjson
from pydantic import JsonValue

from inference.model import Message
from inference.offline.wording import words

KINDS = frozenset({"csv", "jsonl"})
MOST_FIGURES = 12
MOST_NUMBER_COLUMNS = 3
_NAME = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclass(frozen=True, kw_only=True)
class Result:
    """A `read_table` call and the rows it showed, the first being the names of the columns."""

    arguments: dict[str, Any]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def results(messages: Sequence[Message]) -> list[Result]:
    """Every table read so far that gave rows."""
    asked = {
        call.id: call for message in messages for call in message.tool_calls if call.name == "read_table"
    }
    found: list[Result] = []
    for message in messages:
        call = asked.get(message.tool_call_id or "")
        if message.role == "tool" and call is not None:
            lines = [line for line in message.content.splitlines()[1:] if not line.startswith("(")]
            rows = [tuple(line.split("\t")) for line in lines]
            if rows:
                arguments = cast(dict[str, Any], orjson.loads(call.arguments))
                found.append(Result(arguments=arguments, columns=rows[0], rows=tuple(rows[1:])))
    return found


def follow_up(question: str, messages: Sequence[Message]) -> Iterable[tuple[str, dict[str, JsonValue]]]:
    """For each table seen once: count its rows and sum its number columns, by group where one is named."""
    seen = results(messages)
    summed = {result.arguments["path"] for result in seen if "aggregates" in result.arguments}
    asked = set(words(question))
    for result in seen:
        path = result.arguments["path"]
        if path in summed:
            continue
        summed.add(path)
        numbers = [name for index, name in enumerate(result.columns) if _is_number_column(result, index)]
        aggregates: list[JsonValue] = [{"function": "count"}]
        for name in numbers[:MOST_NUMBER_COLUMNS]:
            aggregates.append({"function": "sum", "column": name})
            aggregates.append({"function": "mean", "column": name})
        call: dict[str, JsonValue] = {"path": path, "aggregates": aggregates, "limit": MOST_FIGURES}
        groups = [name for name in result.columns if name not in numbers and asked & set(words(name))]
        if groups:
            call["group_by"] = [groups[0]]
        yield "read_table", call


def figures(question: str, messages: Sequence[Message]) -> list[JsonValue]:
    """The aggregates that were read, each under a name made of group and column."""
    found: list[JsonValue] = []
    for result in results(messages):
        if "aggregates" not in result.arguments:
            continue
        grouped = len(result.arguments.get("group_by", []))
        for row in result.rows:
            group = "-".join(row[:grouped])
            for name, cell in zip(result.columns[grouped:], row[grouped:], strict=False):
                if (value := _number(cell)) is not None:
                    label = f"{group}.{name}" if group else name
                    found.append({"name": _label(label), "value": value, "file": result.arguments["path"]})
    return found[:MOST_FIGURES]


def _is_number_column(result: Result, index: int) -> bool:
    cells = [row[index] for row in result.rows if index < len(row) and row[index] != ""]
    named_as_id = result.columns[index].lower() in {"id", "year"} or result.columns[index].lower().endswith(
        "_id"
    )
    return bool(cells) and not named_as_id and all(_number(cell) is not None for cell in cells)


def _number(cell: str) -> float | None:
    try:
        return float(cell.replace(",", ""))
    except ValueError:
        return None


def _label(name: str) -> str:
    return _NAME.sub("_", name).strip("_")[:64] or "figure"
