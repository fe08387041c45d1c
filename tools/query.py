"""Filter, group, aggregate and order rows of a table, in one pass over it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from tools.readers.table import Cell, Row, number_of, plain

Operation = Literal["=", "!=", "<", "<=", ">", ">=", "contains", "is_empty", "not_empty"]
Function = Literal["count", "sum", "mean", "min", "max", "median"]

MOST_GROUPS = 10_000
MOST_VALUES = 2_000_000
"""Numbers kept for medians, over all groups."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    column: str
    operation: Operation
    value: Cell = None

    def holds(self, row: Row) -> bool:
        """Numbers compare as numbers, anything else as text; an empty cell only answers to emptiness."""
        cell = row.get(self.column)
        empty = cell is None or cell == ""
        match self.operation:
            case "is_empty":
                return empty
            case "not_empty":
                return not empty
            case "contains":
                return not empty and _text(self.value).casefold() in _text(cell).casefold()
            case "=" | "!=" if empty or self.value is None or self.value == "":
                return (empty == (self.value is None or self.value == "")) == (self.operation == "=")
            case _:
                return not empty and _compares(cell, self.operation, self.value)


def _compares(cell: Cell, operation: Operation, value: Cell) -> bool:
    left, right = number_of(cell), number_of(value)
    if left is not None and right is not None:
        sign = int(left > right) - int(left < right)
    else:
        words, others = _text(cell), _text(value)
        sign = int(words > others) - int(words < others)
    return sign in _SIGNS[operation]


_SIGNS: dict[Operation, set[int]] = {
    "=": {0},
    "!=": {-1, 1},
    "<": {-1},
    "<=": {-1, 0},
    ">": {1},
    ">=": {0, 1},
}
"""What the comparison of a cell with a value may come to: below, equal, above."""


def _text(cell: Cell) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return "" if cell is None else str(cell)


@dataclass(frozen=True, kw_only=True)
class Aggregate:
    function: Function
    column: str | None = None

    @property
    def name(self) -> str:
        return f"{self.function}_{self.column}" if self.column else self.function


@dataclass
class Tally:
    """What one aggregate has seen of one group."""

    count: int = 0
    total: Decimal = Decimal(0)
    least: Decimal | None = None
    most: Decimal | None = None
    values: list[Decimal] = field(default_factory=list[Decimal])

    def add(self, number: Decimal, *, keep: bool) -> None:
        self.count += 1
        self.total += number
        self.least = number if self.least is None else min(self.least, number)
        self.most = number if self.most is None else max(self.most, number)
        if keep:
            self.values.append(number)

    def value(self, function: Function) -> Cell:
        match function:
            case "count":
                return self.count
            case "sum":
                return plain(self.total)
            case "mean":
                return plain(self.total / self.count) if self.count else None
            case "min":
                return None if self.least is None else plain(self.least)
            case "max":
                return None if self.most is None else plain(self.most)
            case "median":
                return self._median()

    def _median(self) -> Cell:
        if not self.values:
            return None
        ordered, half = sorted(self.values), len(self.values) // 2
        if len(ordered) % 2:
            return plain(ordered[half])
        return plain((ordered[half - 1] + ordered[half]) / 2)


class TooMuch(Exception):
    """More groups or values than are kept; the message says which."""


class Grouping:
    """Aggregates by group. `not_numeric` counts, by column, filled cells that are no numbers."""

    def __init__(self, by: Sequence[str], aggregates: Sequence[Aggregate]) -> None:
        self._by = by
        self._aggregates = aggregates
        self._groups: dict[tuple[Cell, ...], list[Tally]] = {}
        self._kept = 0
        self.not_numeric: dict[str, int] = {}

    def add_all(self, rows: Iterable[Row]) -> None:
        """Raises `TooMuch`."""
        for row in rows:
            key = tuple(row.get(column) for column in self._by)
            tallies = self._groups.get(key)
            if tallies is None:
                if len(self._groups) >= MOST_GROUPS:
                    raise TooMuch(f"there are more than {MOST_GROUPS:,} groups: group by fewer columns")
                tallies = self._groups[key] = [Tally() for _ in self._aggregates]
            for aggregate, tally in zip(self._aggregates, tallies, strict=True):
                self._add(aggregate, tally, row)

    def rows(self) -> list[Row]:
        groups = self._groups or ({} if self._by else {(): [Tally() for _ in self._aggregates]})
        return [
            dict(zip(self._by, key, strict=True))
            | {
                aggregate.name: tally.value(aggregate.function)
                for aggregate, tally in zip(self._aggregates, tallies, strict=True)
            }
            for key, tallies in groups.items()
        ]

    def _add(self, aggregate: Aggregate, tally: Tally, row: Row) -> None:
        if aggregate.function == "count":
            if aggregate.column is None or row.get(aggregate.column) not in {None, ""}:
                tally.count += 1
            return
        column = aggregate.column or ""
        cell = row.get(column)
        number = number_of(cell)
        if number is None:
            if cell not in {None, ""}:
                self.not_numeric[column] = self.not_numeric.get(column, 0) + 1
            return
        keep = aggregate.function == "median"
        self._kept += keep
        if self._kept > MOST_VALUES:
            raise TooMuch(f"a median over more than {MOST_VALUES:,} values is not worked out: filter first")
        tally.add(number, keep=keep)


def ordered(rows: list[Row], by: str, *, descending: bool) -> list[Row]:
    """Numbers before text, empty cells always last."""
    filled = [row for row in rows if row.get(by) not in {None, ""}]
    empty = [row for row in rows if row.get(by) in {None, ""}]
    return sorted(filled, key=lambda row: _order(row.get(by)), reverse=descending) + empty


def _order(cell: Cell) -> tuple[int, Decimal, str]:
    number = number_of(cell)
    return (0, number, "") if number is not None else (1, Decimal(0), _text(cell))
