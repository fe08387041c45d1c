"""`read_table`: rows of a CSV or JSON-lines file, filtered, grouped and aggregated."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import islice
from typing import Annotated

from pydantic import Field, JsonValue

from core.errors import ToolFailed, ToolInputInvalid
from core.text import clipped
from tools.builtin.common import Page, counted, file_origins, workspace_of
from tools.contract import Arguments, ToolContext, ToolResult, ToolSpec
from tools.names import shown_line, shown_name
from tools.query import Aggregate, Condition, Function, Grouping, Operation, TooMuch, ordered
from tools.readers.table import Cell, Row, Table, read_table
from tools.workspace import Workspace

MOST_ORDERED = 200_000
"""Rows held to be put in order."""
_LONGEST_CELL = 300
_ROOM_FOR_FRAME = 1500

Column = Annotated[str, Field(min_length=1, max_length=500)]


class Where(Arguments):
    column: Column
    op: Operation
    value: str | int | float | bool | None = None


class AggregateArguments(Arguments):
    function: Function
    column: Column | None = Field(default=None, description="Leave out for count.")


class ReadTableArguments(Arguments):
    path: str = Field(description="A .csv, .tsv or .jsonl file.")
    columns: tuple[Column, ...] = Field(default=(), description="Columns to show; none means all.")
    where: tuple[Where, ...] = Field(default=(), description="All must hold.")
    group_by: tuple[Column, ...] = ()
    aggregates: tuple[AggregateArguments, ...] = ()
    order_by: Column | None = Field(default=None, description="A column, or an aggregate such as sum_price.")
    descending: bool = False
    limit: int = Field(default=20, ge=1, le=500, description="Most rows to show.")


class ReadTable:
    spec = ToolSpec(
        name="read_table",
        description="Read a CSV or JSON-lines table: filter, group, count, sum, mean, min, max, median.",
        arguments=ReadTableArguments,
        privilege="query",
        effect="pure",
        sinks={"path": "path"},
    )

    async def run(self, arguments: ReadTableArguments, context: ToolContext) -> ToolResult:
        workspace = workspace_of(context)
        return await asyncio.to_thread(_read, workspace, arguments, context.limits.characters)


def _read(workspace: Workspace, arguments: ReadTableArguments, characters: int) -> ToolResult:
    with workspace.stream(arguments.path) as stream:
        if stream.kind not in {"csv", "jsonl", "text"}:
            raise ToolInputInvalid(
                f"{shown_name(arguments.path)} is {stream.kind}, not a table: use read_file"
            )
        query = _Query(read_table(stream.lines, stream.kind), arguments)
        try:
            rows = query.rows()
        except TooMuch as error:
            raise ToolFailed(str(error)) from error
        notes = [*stream.notes, *query.notes()]
    return _result(arguments, query, rows, notes, characters)


class _Query:
    def __init__(self, table: Table, arguments: ReadTableArguments) -> None:
        self._table = table
        self._arguments = arguments
        self._conditions = [
            Condition(column=where.column, operation=where.op, value=where.value) for where in arguments.where
        ]
        self._grouping: Grouping | None = None
        self.seen = 0
        self.matching = 0
        self.columns = table.columns

    def rows(self) -> list[Row]:
        """Rows asked for. Raises `TooMuch`, or `ToolInputInvalid` for columns there are not."""
        arguments = self._arguments
        if arguments.aggregates or arguments.group_by:
            rows = self._aggregated()
            if arguments.order_by is not None:
                self._check([arguments.order_by], rows[0] if rows else {})
                rows = ordered(rows, arguments.order_by, descending=arguments.descending)
            return rows
        rows = self._selected()
        wanted = [*arguments.columns, *([arguments.order_by] if arguments.order_by else [])]
        self._check([*wanted, *(where.column for where in arguments.where)], {})
        if not arguments.columns:
            return rows
        return [{name: row.get(name) for name in arguments.columns} for row in rows]

    def notes(self) -> Iterator[str]:
        if self._table.bad_count:
            lines = ", ".join(self._table.bad)
            more = ", …" if self._table.bad_count > len(self._table.bad) else ""
            yield f"{counted(self._table.bad_count, 'bad row')} left out: line {lines}{more}"
        for column, count in (self._grouping.not_numeric if self._grouping else {}).items():
            yield f"{counted(count, 'value')} of {shown_line(column)} left out: not a number"

    def _aggregated(self) -> list[Row]:
        arguments = self._arguments
        for part in arguments.aggregates:
            if part.column is None and part.function != "count":
                raise ToolInputInvalid(f"{part.function} needs a column")
        aggregates = [Aggregate(function=part.function, column=part.column) for part in arguments.aggregates]
        self._grouping = Grouping(arguments.group_by, aggregates or [Aggregate(function="count")])
        self._grouping.add_all(self._matches())
        named = [part.column for part in arguments.aggregates if part.column is not None]
        self._check([*arguments.group_by, *named, *(where.column for where in arguments.where)], {})
        return self._grouping.rows()

    def _selected(self) -> list[Row]:
        arguments = self._arguments
        matches = self._matches()
        if arguments.order_by is None:
            rows = list(islice(matches, arguments.limit))
            for _ in matches:
                pass
            return rows
        rows = list(islice(matches, MOST_ORDERED))
        if next(matches, None) is not None:
            raise TooMuch(f"more than {MOST_ORDERED:,} rows are not put in order: filter first")
        return ordered(rows, arguments.order_by, descending=arguments.descending)

    def _matches(self) -> Iterator[Row]:
        for row in self._table.rows:
            self.seen += 1
            if all(condition.holds(row) for condition in self._conditions):
                self.matching += 1
                yield row

    def _check(self, names: list[str], also: Row) -> None:
        unknown = [name for name in names if name not in self.columns and name not in also]
        if unknown:
            known = clipped(", ".join(map(shown_line, [*self.columns, *also])), 1000)
            raise ToolInputInvalid(f"there is no column {shown_line(unknown[0])!r}; the columns are: {known}")


def _result(
    arguments: ReadTableArguments, query: _Query, rows: list[Row], notes: list[str], characters: int
) -> ToolResult:
    page = Page(room=characters - _ROOM_FOR_FRAME)
    names = (
        list(rows[0])
        if rows and (arguments.columns or arguments.aggregates or arguments.group_by)
        else query.columns
    )
    shown: list[JsonValue] = []
    for row in rows[: arguments.limit]:
        if not page.add("\t".join(_cell(row.get(name)) for name in names)):
            break
        shown.append({name: row.get(name) for name in names})
    grouped = bool(arguments.aggregates or arguments.group_by)
    total = len(rows) if grouped else query.matching
    name = shown_name(arguments.path)
    head = f"{name}: {counted(query.matching, 'matching row')} of {query.seen:,}"
    left = f"({total - len(shown):,} more not shown)" if total > len(shown) else ""
    return ToolResult(
        content=page.text(
            head + "\n" + clipped("\t".join(map(_cell, names)), 1000), left, *(f"({note})" for note in notes)
        ),
        data={
            "columns": list[JsonValue](query.columns),
            "rows": shown,
            "matching": query.matching,
            "total": query.seen,
        },
        origins=file_origins([name]),
    )


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    text = "true" if cell is True else "false" if cell is False else str(cell)
    return clipped(shown_line(text.replace("\n", "\\n").replace("\t", " ")), _LONGEST_CELL)
