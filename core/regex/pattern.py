"""A regular expression's text to a tree. The syntax is the common part of Python's and RE2's."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

MAX_PATTERN = 500
MAX_REPEAT = 200
MAX_DEPTH = 50

Accepts = Callable[[str], bool]
Place = Literal["start", "end", "boundary", "not_boundary"]


class PatternInvalid(Exception):
    """The message says what is wrong and at which character, counted from 1."""


@dataclass(frozen=True)
class Character:
    accepts: Accepts
    plain: str | None = None
    """The one character this stands for, when it is only one."""


@dataclass(frozen=True)
class At:
    place: Place


@dataclass(frozen=True)
class Sequence:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Choice:
    parts: tuple[Node, ...]


@dataclass(frozen=True)
class Repeat:
    part: Node
    least: int
    most: int | None


Node = Character | At | Sequence | Choice | Repeat


def is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _is_space(character: str) -> bool:
    return character.isspace()


def _is_digit(character: str) -> bool:
    return character.isdecimal()


_CLASSES: dict[str, Accepts] = {"w": is_word, "s": _is_space, "d": _is_digit}
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v", "a": "\a", "0": "\0"}
_PLACES: dict[str, Place] = {
    "A": "start",
    "Z": "end",
    "z": "end",
    "b": "boundary",
    "B": "not_boundary",
}
_COUNTS = re.compile(r"\{(\d{1,9})?(,)?(\d{1,9})?\}")
_FLAGS = re.compile(r"\(\?[aimsux]+\)")
_NAMED = re.compile(r"\(\?P?<[A-Za-z_]\w*>")
_HEX = re.compile(r"x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})")


def parse(pattern: str, *, ignore_case: bool = False) -> Node:
    """Raises `PatternInvalid`. Inline flags at the front are read over; the caller decides about case."""
    if len(pattern) > MAX_PATTERN:
        raise PatternInvalid(f"the pattern is longer than {MAX_PATTERN} characters")
    flags = _FLAGS.match(pattern)
    parser = _Parser(pattern, flags.end() if flags else 0, ignore_case=ignore_case)
    node = parser.choice(0)
    if not parser.done:
        raise parser.fault("there is a ')' too many")
    return node


class _Parser:
    def __init__(self, text: str, at: int, *, ignore_case: bool) -> None:
        self._text = text
        self._at = at
        self._ignore_case = ignore_case

    @property
    def done(self) -> bool:
        return self._at >= len(self._text)

    def fault(self, message: str) -> PatternInvalid:
        return PatternInvalid(f"{message} (at character {self._at + 1})")

    def choice(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self.fault("the groups are nested too deep")
        parts = [self._sequence(depth)]
        while self._take("|"):
            parts.append(self._sequence(depth))
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def _sequence(self, depth: int) -> Node:
        parts: list[Node] = []
        while not self.done and self._text[self._at] not in "|)":
            parts.append(self._repeated(self._atom(depth)))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _repeated(self, node: Node) -> Node:
        counts = self._counts()
        if counts is None:
            return node
        least, most = counts
        if max(least, most or 0) > MAX_REPEAT:
            raise self.fault(f"a repeat may count to {MAX_REPEAT} at most")
        if most is not None and most < least:
            raise self.fault("a repeat's limits are the wrong way round")
        self._take("?")
        if self._counts() is not None:
            raise self.fault("two repeats follow each other; put the first in ( )")
        return Repeat(node, least, most)

    def _counts(self) -> tuple[int, int | None] | None:
        if self._take("*"):
            return 0, None
        if self._take("+"):
            return 1, None
        if self._take("?"):
            return 0, 1
        match = _COUNTS.match(self._text, self._at)
        if match is None or match.group() in {"{}", "{,}"}:
            return None
        self._at = match.end()
        least, comma, most = match.groups()
        low = int(least or 0)
        return low, (int(most) if most else None) if comma else low

    def _atom(self, depth: int) -> Node:
        character = self._text[self._at]
        self._at += 1
        match character:
            case "(":
                return self._group(depth)
            case "[":
                return Character(self._set())
            case "\\":
                return self._escape()
            case ".":
                return Character(lambda character: character != "\n")
            case "^":
                return At("start")
            case "$":
                return At("end")
            case "*" | "+" | "?":
                self._at -= 1
                raise self.fault(
                    f"'{character}' has nothing to repeat; write \\{character} for the character"
                )
            case _:
                return Character(self._is(character), character)

    def _group(self, depth: int) -> Node:
        start = self._at - 1
        named = _NAMED.match(self._text, start)
        if named is not None:
            self._at = named.end()
        elif self._text.startswith("(?:", start):
            self._at += 2
        elif self._text.startswith("(?", start):
            raise self.fault("look-around, comments and flags inside the pattern are not supported")
        node = self.choice(depth + 1)
        if not self._take(")"):
            raise self.fault("a ')' is missing")
        return node

    def _escape(self) -> Node:
        if self.done:
            raise self.fault("the pattern ends with a lone backslash")
        if self._text[self._at] in _PLACES:
            self._at += 1
            return At(_PLACES[self._text[self._at - 1]])
        plain, accepts = self._escaped()
        return Character(accepts, plain)

    def _escaped(self) -> tuple[str | None, Accepts]:
        """Behind a backslash, in a set or not: a class, or one character and which it is."""
        character = self._text[self._at]
        hexadecimal = _HEX.match(self._text, self._at)
        if hexadecimal is not None:
            self._at = hexadecimal.end()
            plain = chr(int(hexadecimal.group(1) or hexadecimal.group(2), 16))
            return plain, self._is(plain)
        self._at += 1
        if character.lower() in _CLASSES:
            accepts = _CLASSES[character.lower()]
            return None, accepts if character.islower() else _not(accepts)
        if character.isalnum() and character not in _CONTROLS:
            self._at -= 1
            raise self.fault(f"\\{character} is not supported")
        plain = _CONTROLS.get(character, character)
        return plain, self._is(plain)

    def _set(self) -> Accepts:
        negated = self._take("^")
        members: list[Accepts] = []
        first = True
        while first or not self._text.startswith("]", self._at):
            if self.done:
                raise self.fault("a ']' is missing")
            members.append(self._member())
            first = False
        self._at += 1
        accepts = _any(members)
        return _not(accepts) if negated else accepts

    def _member(self) -> Accepts:
        low, accepts = self._set_character()
        following = self._text[self._at : self._at + 2]
        if low is None or not following.startswith("-") or following in {"-", "-]"}:
            return accepts
        self._at += 1
        high, _ = self._set_character()
        if high is None or high < low:
            raise self.fault("a range in [ ] is the wrong way round")
        return self._within(low, high)

    def _set_character(self) -> tuple[str | None, Accepts]:
        """A member of a set, and which character it is if it is only one."""
        if self.done:
            raise self.fault("a ']' is missing")
        character = self._text[self._at]
        self._at += 1
        if character != "\\":
            return character, self._is(character)
        if self.done:
            raise self.fault("a ']' is missing")
        if self._text[self._at] == "b":
            self._at += 1
            return "\b", self._is("\b")
        return self._escaped()

    def _is(self, plain: str) -> Accepts:
        return self._within(plain, plain)

    def _within(self, low: str, high: str) -> Accepts:
        """One character or a range; in any case where that is asked for."""
        if not self._ignore_case:
            return lambda character: low <= character <= high
        return lambda character: any(low <= form <= high for form in _forms(character))

    def _take(self, wanted: str) -> bool:
        if self._text.startswith(wanted, self._at):
            self._at += len(wanted)
            return True
        return False


def _not(accepts: Accepts) -> Accepts:
    return lambda character: not accepts(character)


def _any(members: list[Accepts]) -> Accepts:
    return lambda character: any(accepts(character) for accepts in members)


def _forms(character: str) -> tuple[str, ...]:
    """The character, and its upper and lower case where these are one character."""
    return tuple(form for form in (character, character.lower(), character.upper()) if len(form) == 1)
