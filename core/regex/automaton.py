"""A pattern's tree to instructions, and the search that follows all of them at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, assert_never

from core.regex.pattern import (
    Accepts,
    At,
    Character,
    Choice,
    Node,
    PatternInvalid,
    Place,
    Repeat,
    Sequence,
    is_word,
    parse,
)

MAX_INSTRUCTIONS = 1000
MAX_KEPT = 200_000
"""Positions in the states kept; past this all are forgotten and found again as needed."""

_Edge = Literal["start", "word", "other", "end"]


@dataclass(frozen=True)
class _Consume:
    accepts: Accepts


@dataclass(frozen=True)
class _Assert:
    place: Place


@dataclass(frozen=True)
class _Fork:
    to: tuple[int, ...]


_Instruction = _Consume | _Assert | _Fork


@dataclass
class _State:
    """Where the search may be in the pattern before the next character, and what the last one was."""

    positions: frozenset[int]
    before: _Edge
    next: dict[str, _State | None] = field(default_factory=dict[str, "_State | None"])
    """By character; None means that a match ends before it."""


class Matcher:
    """Searches one text at a time. `ignore_case` compares simple upper and lower case forms."""

    def __init__(self, pattern: str, *, ignore_case: bool = False, most_kept: int = MAX_KEPT) -> None:
        """Raises `PatternInvalid`."""
        self._ignore_case = ignore_case
        self._most_kept = most_kept
        tree = parse(pattern, ignore_case=ignore_case)
        required = _required(tree)
        self._required = required if not ignore_case else required.lower() if required.isascii() else ""
        self._program: list[_Instruction] = []
        self._compile(tree)
        self._accept = len(self._program)
        self._reset()

    def may_match(self, line: str) -> bool:
        """A quick look: False only where `search` would find nothing."""
        if not self._required:
            return True
        if not self._ignore_case:
            return self._required in line
        return self._required in line.lower() or not line.isascii()

    def search(self, line: str, *, spend: Callable[[int], None] | None = None) -> int | None:
        """The offset at which the first match to end ends; None without a match.

        `spend` is told the work before it is done, in instructions to look at, and may stop it by raising.
        """
        state = self._first
        for offset, character in enumerate(line):
            try:
                following = state.next[character]
            except KeyError:
                if spend is not None:
                    spend(len(self._program) + 1)
                following = self._step(state, character)
            if following is None:
                return offset
            state = following
        ends = self._closure(state.positions, state.before, "end")
        return len(line) if self._accept in ends else None

    def _reset(self) -> None:
        self._kept = 0
        self._states: dict[tuple[frozenset[int], _Edge], _State] = {}
        self._first = self._state(frozenset({0}), "start")

    def _state(self, positions: frozenset[int], before: _Edge) -> _State:
        key = (positions, before)
        if key not in self._states:
            self._states[key] = _State(positions, before)
        return self._states[key]

    def _step(self, state: _State, character: str) -> _State | None:
        after: _Edge = "word" if is_word(character) else "other"
        reached = self._closure(state.positions, state.before, after)
        following: _State | None = None
        if self._accept not in reached:
            moved = {position + 1 for position in reached if self._consumes(position, character)}
            self._kept += len(moved) + 2
            if self._kept > self._most_kept:
                self._reset()
            following = self._state(frozenset(moved | {0}), after)
        state.next[character] = following
        return following

    def _consumes(self, position: int, character: str) -> bool:
        instruction = self._program[position]
        return isinstance(instruction, _Consume) and instruction.accepts(character)

    def _closure(self, positions: frozenset[int], before: _Edge, after: _Edge) -> set[int]:
        """All positions reachable without reading a character, between these two neighbours."""
        reached: set[int] = set()
        pending = list(positions)
        while pending:
            position = pending.pop()
            if position in reached:
                continue
            reached.add(position)
            if position == self._accept:
                continue
            instruction = self._program[position]
            if isinstance(instruction, _Fork):
                pending.extend(instruction.to)
            elif isinstance(instruction, _Assert) and _holds(instruction.place, before, after):
                pending.append(position + 1)
        return reached

    def _emit(self, instruction: _Instruction) -> int:
        if len(self._program) >= MAX_INSTRUCTIONS:
            raise PatternInvalid("the pattern is too large once its repeats are written out")
        self._program.append(instruction)
        return len(self._program) - 1

    def _compile(self, node: Node) -> None:
        match node:
            case Character():
                self._emit(_Consume(node.accepts))
            case At():
                self._emit(_Assert(node.place))
            case Sequence(()):
                self._emit(_Fork((len(self._program) + 1,)))
            case Sequence():
                for part in node.parts:
                    self._compile(part)
            case Choice():
                self._choice(node)
            case Repeat():
                self._repeat(node)
            case _:
                assert_never(node)

    def _choice(self, node: Choice) -> None:
        fork = self._emit(_Fork(()))
        starts: list[int] = []
        exits: list[int] = []
        for part in node.parts:
            starts.append(len(self._program))
            self._compile(part)
            exits.append(self._emit(_Fork(())))
        self._program[fork] = _Fork(tuple(starts))
        for leave in exits:
            self._program[leave] = _Fork((len(self._program),))

    def _repeat(self, node: Repeat) -> None:
        for _ in range(node.least):
            self._compile(node.part)
        if node.most is None:
            fork = self._emit(_Fork(()))
            self._compile(node.part)
            self._emit(_Fork((fork,)))
            self._program[fork] = _Fork((fork + 1, len(self._program)))
            return
        forks: list[int] = []
        for _ in range(node.most - node.least):
            forks.append(self._emit(_Fork(())))
            self._compile(node.part)
        for fork in forks:
            self._program[fork] = _Fork((fork + 1, len(self._program)))


def _holds(place: Place, before: _Edge, after: _Edge) -> bool:
    match place:
        case "start":
            return before == "start"
        case "end":
            return after == "end"
        case "boundary":
            return (before == "word") != (after == "word")
        case "not_boundary":
            return (before == "word") == (after == "word")


def _required(node: Node) -> str:
    """The longest run of plain characters that stands in every match; "" when there is none."""
    runs = [""]
    for part in node.parts if isinstance(node, Sequence) else (node,):
        if isinstance(part, Character) and part.plain is not None:
            runs[-1] += part.plain
        elif not isinstance(part, At):
            runs.append("")
    return max(runs, key=len)
