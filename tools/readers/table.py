"""CSV and JSON lines as rows of typed cells, with what did not fit counted and named."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain, islice
from typing import Protocol, cast

from tools.kinds import Kind

Cell = str | int | float | bool | None
Row = dict[str, Cell]

MOST_COLUMNS = 1000
MOST_BAD_NAMED = 20
MOST_NESTED = 1000
_SNIFFED_LINES = 20
_DELIMITERS = ",;\t|"
_NUMBER = re.compile(r"[+-]?(\d{1,40}|\d{1,3}(,\d{3}){1,10})(\.\d{1,40})?([eE][+-]?\d{1,2})?")
_LEADING_ZERO = re.compile(r"[+-]?0\d")


@dataclass
class Table:
    """Rows of a file, read as they are asked for; `columns` is complete for CSV from the start.

    `bad` names the lines that hold no row: too many or too few fields, quotes that do not close,
    lines that are not a JSON object.
    """

    columns: list[str]
    rows: Iterator[Row]
    bad: list[str] = field(default_factory=list[str])
    bad_count: int = 0

    def reject(self, line: int, last: int | None = None) -> None:
        self.bad_count += 1
        if len(self.bad) < MOST_BAD_NAMED:
            self.bad.append(f"{line}-{last}" if last is not None and last > line else str(line))


class _Reader(Protocol):
    """A `csv.reader`, whose own type has no public name."""

    @property
    def line_num(self) -> int: ...

    def __next__(self) -> list[str]: ...


def read_table(lines: Iterable[str], kind: Kind) -> Table:
    return _json_lines(lines) if kind == "jsonl" else _csv(lines)


def number_of(cell: Cell) -> Decimal | None:
    """The number a cell is, thousands separators understood; None when it is none, as a truth value is."""
    if isinstance(cell, bool) or cell is None:
        return None
    if isinstance(cell, int | float):
        return Decimal(repr(cell))
    text = cell.strip()
    return Decimal(text.replace(",", "")) if _NUMBER.fullmatch(text) else None


def typed(text: str) -> Cell:
    """A CSV field as a value: plain numbers become numbers; identifiers such as 007 stay text."""
    number = None if _LEADING_ZERO.match(text) or "," in text else number_of(text)
    return text if number is None else plain(number)


def plain(number: Decimal) -> int | float:
    if number == number.to_integral_value() and abs(number) < 1 << 63:
        return int(number)
    return float(number)


def _csv(lines: Iterable[str]) -> Table:
    source = iter(lines)
    head = list(islice(source, _SNIFFED_LINES))
    fields = (line + "\n" for line in chain(head, source))
    reader = csv.reader(fields, delimiter=_delimiter(head), strict=True)
    table = Table(columns=[], rows=iter(()))
    records = _records(reader, table)
    _, names = next(records, (0, list[str]()))
    table.columns = _names(names)
    table.rows = _csv_rows(records, table)
    return table


def _records(reader: _Reader, table: Table) -> Iterator[tuple[int, list[str]]]:
    """Non-empty records with the number of the line they begin on."""
    while True:
        first = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error:
            table.reject(first, reader.line_num)
            continue
        if record:
            yield first, record


def _csv_rows(records: Iterator[tuple[int, list[str]]], table: Table) -> Iterator[Row]:
    for line, record in records:
        if len(record) != len(table.columns):
            table.reject(line)
        else:
            yield {
                name: typed(text) if text else None for name, text in zip(table.columns, record, strict=True)
            }


def _delimiter(head: list[str]) -> str:
    """The one that gives most lines the same number of fields, and more than one."""
    best, most = ",", 0
    for delimiter in _DELIMITERS:
        counts = [line.count(delimiter) for line in head if line.strip()]
        if counts and counts[0]:
            agreeing = sum(count == counts[0] for count in counts)
            if agreeing > most:
                best, most = delimiter, agreeing
    return best


def _names(record: list[str]) -> list[str]:
    """Column names, made unique and never empty."""
    names: dict[str, None] = {}
    for index, text in enumerate(record[:MOST_COLUMNS], 1):
        name = text.strip() or f"column_{index}"
        while name in names:
            name = f"{name}_{index}"
        names[name] = None
    return list(names)


def _json_lines(lines: Iterable[str]) -> Table:
    table = Table(columns=[], rows=iter(()))
    table.rows = _json_rows(lines, table)
    return table


def _json_rows(lines: Iterable[str], table: Table) -> Iterator[Row]:
    known: set[str] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            table.reject(number)
            continue
        if not isinstance(value, dict):
            table.reject(number)
            continue
        row = {str(key): _cell(part) for key, part in cast(dict[str, object], value).items()}
        for name in row:
            if name not in known and len(known) < MOST_COLUMNS:
                known.add(name)
                table.columns.append(name)
        yield row


def _cell(value: object) -> Cell:
    """Nested values are kept as bounded JSON text; numbers that JSON does not know become text."""
    if isinstance(value, float) and (value != value or value in {float("inf"), float("-inf")}):
        return str(value)
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    return json.dumps(value, ensure_ascii=False)[:MOST_NESTED]
