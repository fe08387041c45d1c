"""The simulated family: kinds of work, advice that helps, does nothing or hurts, and what a task needs.

Nothing here knows how memory ranks, credits or retires. A task of a kind ends well with a probability that
starts at the kind's own and moves by the effect of each piece of advice its agent was shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

Nature = Literal["helpful", "useless", "harmful"]

EFFECTS: dict[Nature, float] = {"helpful": 0.35, "useless": 0.0, "harmful": -0.3}

_LEAST, _MOST = 0.02, 0.98

_KINDS = (
    ("Reconcile the supplier invoices of {month} with the bank statement", "accounting"),
    ("Summarise what customers complained about in {month}", "support"),
    ("List the servers that missed their patches in {month}", "patching"),
    ("Draft the release notes for the version shipped in {month}", "releases"),
    ("Estimate the electricity use of the plant for {month}", "energy"),
    ("Check the travel expenses handed in for {month} against the policy", "travel"),
    ("Plan the shifts of the warehouse for {month}", "shifts"),
    ("Find duplicate patients in the clinic's register of {month}", "register"),
    ("Compare the rainfall measured in {month} with the long-term mean", "weather"),
    ("Translate the safety leaflet printed in {month} into plain language", "leaflets"),
    ("Collect the open review comments on the thesis chapters from {month}", "thesis"),
    ("Rank the marketing campaigns of {month} by cost per sale", "campaigns"),
)
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July", "August"),
    *("September", "October", "November", "December"),
)
_WORDING: dict[Nature, tuple[str, ...]] = {
    "helpful": ("Begin with the totals of {topic} and work back to the lines.",),
    "useless": (
        "Name the files of {topic} in alphabetical order.",
        "Note the page count of {topic} first.",
    ),
    "harmful": ("Skip the entries of {topic} that have no remarks.",),
}


@dataclass(frozen=True, kw_only=True)
class Advice:
    nature: Nature
    text: str

    @property
    def effect(self) -> float:
        return EFFECTS[self.nature]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of work: what its goals look like, how it goes without advice, and what advice there is."""

    goal: str
    base: float
    advice: tuple[Advice, ...]

    def task(self, random: Random) -> str:
        return self.goal.format(month=f"{random.choice(_MONTHS)} {random.randint(2015, 2025)}")

    def chance(self, shown: Iterable[str]) -> float:
        """Of a task to end well whose agent was shown these texts."""
        texts = set(shown)
        moved = self.base + sum(advice.effect for advice in self.advice if advice.text in texts)
        return min(_MOST, max(_LEAST, moved))


def family(random: Random, kinds: int) -> list[Kind]:
    """Every kind differs in difficulty and in which advice it has; none has only advice that helps."""
    made: list[Kind] = []
    for goal, topic in _KINDS[:kinds]:
        natures: list[tuple[Nature, int]] = [("harmful", 0), *_useless(random)]
        if random.random() < 0.8:
            natures.append(("helpful", 0))
        random.shuffle(natures)
        advice = [Advice(nature=n, text=_WORDING[n][which].format(topic=topic)) for n, which in natures]
        made.append(Kind(goal=goal, base=random.uniform(0.25, 0.6), advice=tuple(advice)))
    return made


def _useless(random: Random) -> Sequence[tuple[Nature, int]]:
    return [("useless", which) for which in range(random.randint(0, 2))]
