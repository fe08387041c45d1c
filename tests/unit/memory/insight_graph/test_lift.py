from __future__ import annotations

from random import Random

import pytest

from memory.insight_graph.lift import Counts, lift_of, retired_for, wilson


def counts(shown: int, well: int, withheld: int, without: int) -> Counts:
    return Counts(shown=shown, shown_well=well, withheld=withheld, withheld_well=without)


@pytest.mark.parametrize(
    ("arms", "lift", "low", "high"),
    [
        ((70, 56, 80, 48), 0.2000, 0.0524, 0.3339),
        ((10, 9, 10, 3), 0.6000, 0.1705, 0.8090),
        ((10, 10, 10, 0), 1.0000, 0.6075, 1.0000),
        ((10, 10, 20, 0), 1.0000, 0.6791, 1.0000),
    ],
)
def test_the_interval_is_newcombes(
    arms: tuple[int, int, int, int], lift: float, low: float, high: float
) -> None:
    """Against table II of Statistics in Medicine 17, 873-890 (1998), method 10."""
    found = lift_of(counts(*arms))
    assert found.lift == pytest.approx(lift, abs=1e-4)
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


def test_an_empty_arm_says_that_nothing_is_known() -> None:
    found = lift_of(counts(40, 10, 0, 0))
    assert (found.lift, found.low, found.high) == (None, -1.0, 1.0)
    assert wilson(0, 0) == (0.0, 1.0)
    assert retired_for(counts(40, 0, 0, 0)) is None


@pytest.mark.parametrize(
    ("arms", "why"),
    [
        ((36, 7, 5, 5), "harm"),
        ((36, 20, 5, 3), None),
        ((40, 4, 5, 2), "worth"),
        ((200, 10, 20, 0), None),
        ((6, 0, 6, 6), None),
    ],
    ids=["worse with it", "no difference to see", "mostly fails", "hard, but helped", "too few to judge"],
)
def test_what_hurts_is_retired_and_nothing_else(arms: tuple[int, int, int, int], why: str | None) -> None:
    assert retired_for(counts(*arms)) == why


@pytest.mark.parametrize(("with_it", "without"), [(0.8, 0.4), (0.3, 0.3), (0.2, 0.6), (0.97, 0.9)])
def test_intervals_cover_the_truth_at_their_rate(with_it: float, without: float) -> None:
    """One in ten tasks withheld, 120 tasks; a short form of `bench.memory.learning`."""
    random, covered, rounds = Random(7), 0, 600
    for _ in range(rounds):
        arms = [0, 0, 0, 0]
        for _ in range(120):
            withheld = random.random() < 0.1
            arms[2 * withheld] += 1
            arms[2 * withheld + 1] += random.random() < (without if withheld else with_it)
        found = lift_of(counts(*arms))
        covered += found.low <= with_it - without <= found.high
    assert covered / rounds >= 0.93


def simulate(random: Random, with_it: float, without: float, tasks: int) -> int | None:
    """After how many tasks an insight is retired, judged after each of them."""
    arms = [0, 0, 0, 0]
    for task in range(1, tasks + 1):
        withheld = random.random() < 0.1
        arms[2 * withheld] += 1
        arms[2 * withheld + 1] += random.random() < (without if withheld else with_it)
        if retired_for(counts(*arms)) is not None:
            return task
    return None


def test_harmful_insights_are_retired_and_helpful_ones_stay() -> None:
    random = Random(11)
    harmful = [simulate(random, 0.25, 0.65, 200) for _ in range(200)]
    helpful = [simulate(random, 0.65, 0.35, 200) for _ in range(200)]
    assert sum(one is not None for one in harmful) >= 180
    assert sum(one is not None for one in helpful) <= 2
