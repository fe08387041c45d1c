"""The state that is true after each turn: kept on its own, by nothing that is measured here."""

from __future__ import annotations

from dataclasses import dataclass, field

Inputs = tuple[tuple[int, str, tuple[int, ...]], ...]
"""What a slot rests on, at any remove: each with its value and its own links."""


@dataclass
class Held:
    """A slot in use: the values it had, the present one last; an undo takes the last one off.

    Attributes:
        number: its own, also where another slot had its title before.
        inputs: what each value but the present one rested on when it was replaced.
    """

    number: int
    values: list[str]
    rests_on: list[str]
    inputs: list[Inputs] = field(default_factory=list[Inputs])

    @property
    def value(self) -> str:
        return self.values[-1]


@dataclass
class Gold:
    """All slots in use by title, and what undo would take back."""

    slots: dict[str, Held] = field(default_factory=dict[str, Held])
    gone: tuple[str, Held, list[str]] | None = None
    made: int = 0
    stale: set[str] = field(default_factory=set[str])
    """What this turn made stale so far: a value that is replaced now was not computed from what is there."""

    def begin(self) -> None:
        """A turn begins; all that was stale has run again."""
        self.stale.clear()

    def done(self) -> frozenset[str]:
        """What the turn left stale."""
        return frozenset(self.stale & self.slots.keys())

    def add(self, title: str, value: str, rests_on: list[str]) -> None:
        self.made += 1
        self.slots[title] = Held(self.made, [value], list(rests_on))

    def revise(self, title: str, value: str) -> None:
        held = self.slots[title]
        held.inputs.append(() if title in self.stale else self._inputs(title))
        held.values.append(value)
        self.stale |= self.resting(title)

    def undo(self, title: str) -> None:
        self._back(title, len(self.slots[title].values) - 2)

    def original(self, title: str) -> None:
        self._back(title, 0)

    def _back(self, title: str, place: int) -> None:
        """The slot itself is stale where what it rests on is not what the value rested on."""
        held = self.slots[title]
        moved = held.inputs[place] != self._inputs(title)
        del held.values[place + 1 :], held.inputs[place:]
        self.stale |= self.resting(title) | ({title} if moved else frozenset())

    def _inputs(self, title: str) -> Inputs:
        below, waiting = dict.fromkeys(self.slots[title].rests_on), [*self.slots[title].rests_on]
        while waiting:
            more = [each for each in self.slots[waiting.pop()].rests_on if each not in below]
            below |= dict.fromkeys(more)
            waiting += more
        found = [(title, "")] + [(each, self.slots[each].value) for each in sorted(below)]
        return tuple(
            (
                self.slots[each].number,
                value,
                tuple(sorted(self.slots[other].number for other in self.slots[each].rests_on)),
            )
            for each, value in found
        )

    def retract(self, title: str) -> None:
        self.stale |= self.resting(title)
        above = [other for other, held in self.slots.items() if title in held.rests_on]
        self.gone = (title, self.slots.pop(title), above)
        for other in above:
            self.slots[other].rests_on.remove(title)

    def bring_back(self) -> None:
        """Undoes the last retraction: the slot has its last value, and its links, again."""
        assert self.gone is not None
        title, held, above = self.gone
        self.add(title, held.value, [each for each in held.rests_on if each in self.slots])
        for other in above:
            self.slots[other].rests_on.append(title)
        self.stale |= self.resting(title)

    def link(self, title: str, other: str) -> None:
        self.slots[title].rests_on.append(other)
        self.stale |= self.resting(title) | {title}

    def resting(self, title: str) -> frozenset[str]:
        """All that rests on a slot, at any remove: what a change of it makes stale."""
        found: set[str] = set()
        waiting = [title]
        while waiting:
            below = waiting.pop()
            for other, held in self.slots.items():
                if below in held.rests_on and other not in found:
                    found.add(other)
                    waiting.append(other)
        return frozenset(found)

    def values(self) -> dict[str, str]:
        return {title: held.value for title, held in self.slots.items()}
