"""A state machine that talks: dialogues whose every turn is known exactly, from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.memory.dialogues.gold import Gold
from bench.memory.dialogues.phrases import FORMS, JOINTS, Act, Style
from bench.memory.dialogues.shapes import SHAPES, Shape, Slot

FREE_SHARE = 0.4
"""Of all turns, those said in one of the freer forms."""
WEIGHTS: dict[str, int] = {
    "add": 4,
    "revise": 7,
    "retract": 2,
    "undo": 4,
    "original": 2,
    "link": 2,
    "query": 4,
    "absent": 1,
    "vague": 2,
    "compound": 3,
}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One act on one slot. `rests_on` are the slots that an addition, or a link, names."""

    act: Act
    title: str
    value: str = ""
    old: str = ""
    rests_on: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What is said, what it means, and what is true afterwards.

    Attributes:
        plainly: the same in a plain form, for one who did not understand.
        steps: what it means, in order.
        style: how it is said.
        values: the slots in use and their values, after it.
        stale: the slots whose work must be done again because of it.
    """

    said: str
    plainly: str
    steps: tuple[Step, ...]
    style: Style
    values: dict[str, str]
    stale: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Dialogue:
    shape: Shape
    turns: tuple[Turn, ...]


def dialogues(count: int, *, seed: int) -> Iterator[Dialogue]:
    """So many dialogues, the shapes in turn."""
    for number in range(count):
        yield _Talk(SHAPES[number % len(SHAPES)], random.Random(f"{seed}/{number}")).dialogue()


class _Talk:
    def __init__(self, shape: Shape, chance: random.Random) -> None:
        self._shape = shape
        self._chance = chance
        self._gold = Gold()
        self._used: dict[str, set[str]] = {}
        self._last: tuple[str, str] | None = None
        """The act and the slot that `that` refers to."""

    def dialogue(self) -> Dialogue:
        turns = [self._turn([step]) for step in self._opening()]
        for _ in range(self._chance.randint(10, 26)):
            if steps := self._next():
                turns.append(self._turn(steps))
        return Dialogue(shape=self._shape, turns=tuple(turns))

    def _opening(self) -> Iterator[Step]:
        for slot in self._shape.slots[: self._chance.randint(4, 6)]:
            yield self._addition(slot)

    def _next(self) -> list[Step]:
        acts, weights = zip(*WEIGHTS.items(), strict=True)
        act = self._chance.choices(acts, weights)[0]
        if act == "compound":
            return self._compound()
        step = self._one(act)
        return [] if step is None else [step]

    def _compound(self) -> list[Step]:
        """Two acts on two slots in one sentence."""
        one, two = self._one("revise"), self._one(self._chance.choice(["add", "retract", "revise"]))
        if one is None or two is None or one.title == two.title or one.title in two.rests_on:
            return []
        return [one, two]

    def _one(self, act: str) -> Step | None:
        match act:
            case "add":
                free = [slot for slot in self._shape.slots if slot.title not in self._gold.slots]
                free = [slot for slot in free if self._fresh(slot)]
                return self._addition(self._chance.choice(free)) if free else None
            case "revise":
                return self._revision()
            case "undo":
                return self._undoing()
            case "absent":
                free = [slot.title for slot in self._shape.slots if slot.title not in self._gold.slots]
                return Step(act="query", title=self._chance.choice(free)) if free else None
            case "vague":
                return self._vague()
            case "link":
                return self._link()
            case _:
                return self._of_one(act)

    def _of_one(self, act: str) -> Step | None:
        titles = sorted(self._gold.slots)
        if act == "original":
            titles = [
                title
                for title in titles
                if self._gold.slots[title].values[0] != self._gold.slots[title].value
            ]
        if (act == "retract" and len(titles) < 4) or not titles:
            return None
        title = self._chance.choice(titles)
        match act:
            case "retract":
                return Step(act="retract", title=title)
            case "original":
                return Step(act="original", title=title)
            case _:
                return Step(act="query", title=title)

    def _addition(self, slot: Slot) -> Step:
        rests_on = tuple(title for title in slot.rests_on if title in self._gold.slots)
        value = self._chance.choice(self._fresh(slot))
        self._used.setdefault(slot.title, set()).add(value)
        return Step(
            act="add_resting" if rests_on else "add", title=slot.title, value=value, rests_on=rests_on
        )

    def _revision(self) -> Step | None:
        slots = [slot for slot in self._shape.slots if slot.title in self._gold.slots and self._fresh(slot)]
        if not slots:
            return None
        slot = self._chance.choice(slots)
        value = self._chance.choice(self._fresh(slot))
        self._used.setdefault(slot.title, set()).add(value)
        return Step(act="revise", title=slot.title, value=value, old=self._gold.slots[slot.title].value)

    def _undoing(self) -> Step | None:
        """Only what was done just before is undone, and no undoing is."""
        if self._last is None:
            return None
        act, title = self._last
        undone: dict[str, Act] = {
            "revise": "undo",
            "retract": "bring_back",
            "add": "unadd",
            "add_resting": "unadd",
        }
        return Step(act=undone[act], title=title) if act in undone else None

    def _link(self) -> Step | None:
        pairs = [
            (one, two)
            for one in sorted(self._gold.slots)
            for two in sorted(self._gold.slots)
            if one != two and two not in self._gold.slots[one].rests_on and two not in self._gold.resting(one)
        ]
        if not pairs:
            return None
        one, two = self._chance.choice(pairs)
        return Step(act="link", title=one, rests_on=(two,))

    def _vague(self) -> Step | None:
        """The last word that two titles in use have in common, such as `date`, names neither."""
        heads: dict[str, list[str]] = {}
        for title in self._gold.slots:
            heads.setdefault(title.split()[-1].lower(), []).append(title)
        shared = [head for head, titles in heads.items() if len(titles) > 1]
        if not shared:
            return None
        head = self._chance.choice(shared)
        slot = next(slot for slot in self._shape.slots if slot.title in heads[head])
        return Step(act="vague", title=head, value=self._chance.choice(slot.values))

    def _fresh(self, slot: Slot) -> list[str]:
        """Values that were not said of the slot yet: else it could not be told which return is meant."""
        return [value for value in slot.values if value not in self._used.get(slot.title, ())]

    def _turn(self, steps: Sequence[Step]) -> Turn:
        style: Style = "free" if self._chance.random() < FREE_SHARE else "plain"
        said, plainly = self._sentence(steps, style), self._sentence(steps, "plain")
        self._gold.begin()
        for step in steps:
            self._apply(step)
        self._last = (steps[0].act, steps[0].title) if len(steps) == 1 else None
        return Turn(
            said=said,
            plainly=plainly,
            steps=tuple(steps),
            style=style,
            values=self._gold.values(),
            stale=self._gold.done(),
        )

    def _sentence(self, steps: Sequence[Step], style: Style) -> str:
        said = [self._worded(step, style) for step in steps]
        if len(said) == 1:
            return said[0]
        one, two = said[0].rstrip(".!?"), said[1]
        two = two if two.startswith(("I ", "I'd")) else two[0].lower() + two[1:]
        return self._chance.choice(JOINTS[style]).format(one=one, two=two)

    def _worded(self, step: Step, style: Style) -> str:
        form = self._chance.choice(FORMS[style][step.act])
        rests = " and the ".join(title.lower() for title in step.rests_on)
        return form.format(t=step.title.lower(), v=step.value, o=step.old, d=rests)

    def _apply(self, step: Step) -> None:
        gold = self._gold
        match step.act:
            case "add" | "add_resting":
                gold.add(step.title, step.value, list(step.rests_on))
            case "revise":
                gold.revise(step.title, step.value)
            case "undo":
                gold.undo(step.title)
            case "original":
                gold.original(step.title)
            case "retract" | "unadd":
                gold.retract(step.title)
            case "bring_back":
                gold.bring_back()
            case "link":
                gold.link(step.title, step.rests_on[0])
            case "query" | "vague":
                return
