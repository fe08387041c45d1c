"""A million finished tasks: goals, and vectors that lie as a real embedder's do.

Embedding a million texts takes MiniLM more than an hour. So a few thousand goals are really embedded, and
every other one gets the vector of the goal it varies, turned a little at random; its words are its own.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from memory.ports import Embedder, Vectors

VERBS = (
    "summarise", "compare", "audit", "draft", "review", "migrate", "translate", "schedule", "reconcile",
    "classify", "estimate", "archive", "refactor", "benchmark", "annotate", "forecast",
)  # fmt: skip
QUALITIES = (
    "quarterly", "outdated", "confidential", "regional", "weekly", "legacy", "draft", "annual",
    "clinical", "public",
)  # fmt: skip
SUBJECTS = (
    "invoices", "incident reports", "lease contracts", "sensor logs", "meeting minutes",
    "patent filings", "customer complaints", "shipping manifests", "test results", "grant proposals",
    "salary tables", "floor plans", "recipes", "interview transcripts", "firewall rules",
    "course evaluations", "insurance claims", "price lists", "travel expenses", "database schemas",
    "lab protocols", "press releases", "supplier offers", "warranty cases",
)  # fmt: skip
SYLLABLES = (
    "ar", "bel", "cor", "dan", "el", "fos", "gren", "hal", "is", "jor", "kel", "lun", "mor", "nev", "os",
)  # fmt: skip

TURN = 0.45
"""Length of what is added to a unit vector; the turned one has a cosine of about 0.91 with it."""

SEED = 4


@dataclass(frozen=True, kw_only=True)
class Task:
    """A finished task: `base` is the goal it varies."""

    id: UUID
    goal: str
    base: int
    origin: str


class Corpus:
    """The same tasks every time; the n-th does not depend on how many there are."""

    def __init__(self, bases: Sequence[str], vectors: Vectors) -> None:
        self._bases = bases
        self._vectors = vectors

    @classmethod
    async def embedded(cls, embedder: Embedder, bases: int) -> Corpus:
        """With so many goals really embedded."""
        chance = random.Random(SEED)
        every = [f"{verb} the {what} {of}" for verb in VERBS for what in QUALITIES for of in SUBJECTS]
        chosen = chance.sample(every, min(bases, len(every)))
        return cls(chosen, await embedder.embed(chosen))

    def tasks(self, first: int, count: int) -> list[Task]:
        return [self._task(number) for number in range(first, first + count)]

    def vectors(self, tasks: Sequence[Task]) -> Vectors:
        """Unit vectors near those of the goals that the tasks vary."""
        noise = np.array([_noise(task.id.int, self._vectors.shape[1]) for task in tasks], dtype=np.float32)
        turned = self._vectors[[task.base for task in tasks]] + noise
        return (turned / np.linalg.norm(turned, axis=1, keepdims=True)).astype(np.float32)

    def question(self, task: Task, number: int) -> str:
        """A new goal that is like an earlier one, in an order of words of its own."""
        verb, _, rest = self._bases[task.base].partition(" the ")
        return f"Once more, for {task.goal.rpartition(' for ')[2]}: the {rest} to {verb}, round {number}"

    def _task(self, number: int) -> Task:
        chance = random.Random(SEED * 1_000_003 + number)
        base = chance.randrange(len(self._bases))
        company = "".join(chance.choices(SYLLABLES, k=3)).capitalize()
        year, case = chance.randint(1990, 2029), chance.randint(10_000, 99_999)
        return Task(
            id=UUID(int=(1 << 96) + number),
            goal=f"{self._bases[base]} of {year}, case {case}, for {company}",
            base=base,
            origin=f"user:{chance.randrange(50)}",
        )


def _noise(seed: int, dimensions: int) -> NDArray[np.float32]:
    drawn = np.random.default_rng(seed).standard_normal(dimensions, dtype=np.float32)
    return drawn * np.float32(TURN / np.sqrt(dimensions))
