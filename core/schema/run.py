"""One check of one value: the steps it has left, where it is, and what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pydantic import JsonValue

from core.schema.keywords import Place

MAX_PROBLEMS = 20


class TooCostly(Exception):
    """The check was stopped: schema and value together take more steps than a check may."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A place in the value that does not fit, and the keyword it does not fit."""

    place: Place
    keyword: str
    expected: JsonValue


@dataclass
class Seen:
    """What some keyword has judged of one object or array, for `unevaluatedProperties` and its like."""

    names: set[str] = field(default_factory=set[str])
    items: set[int] = field(default_factory=set[int])


@dataclass
class Run:
    """`asking` is above 0 where only the verdict counts, as in the branches of `anyOf`."""

    steps: int
    place: list[str | int] = field(default_factory=list[str | int])
    problems: list[Problem] = field(default_factory=list[Problem])
    seen: Seen = field(default_factory=Seen)
    asking: int = 0

    def take(self, steps: int = 1) -> None:
        self.steps -= steps
        if self.steps < 0:
            raise TooCostly

    def note(self, keyword: str, *, expected: JsonValue) -> bool:
        """Always False, so that a rule can end with it."""
        if not self.asking and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(place=tuple(self.place), keyword=keyword, expected=expected))
        return False

    def inside(self, step: str | int, rule: Rule, value: JsonValue, *, asking: bool = False) -> bool:
        """Judge a part of the value."""
        outer, self.seen = self.seen, Seen()
        self.place.append(step)
        self.asking += asking
        try:
            return rule(value, self)
        finally:
            self.asking -= asking
            self.place.pop()
            self.seen = outer

    def branch(self, rule: Rule, value: JsonValue, *, asking: bool = False) -> bool:
        """Judge the same value by another schema; what that has seen counts only where the value fits it."""
        outer, self.seen = self.seen, Seen()
        self.asking += asking
        try:
            fitting = rule(value, self)
        finally:
            self.asking -= asking
            inner, self.seen = self.seen, outer
        if fitting:
            self.take(len(inner.names) + len(inner.items))
            self.saw(names=inner.names, items=inner.items)
        return fitting

    def saw(self, *, names: Iterable[str] = (), items: Iterable[int] = ()) -> None:
        self.seen.names.update(names)
        self.seen.items.update(items)


Rule = Callable[[JsonValue, Run], bool]
"""Whether a value fits; where it does not, the run was told."""
