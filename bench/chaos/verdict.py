"""What came of a run: told from the rows and the ledger, not from what any process said."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.chaos.effects import NAMES
from bench.chaos.ledger import Arrival
from bench.chaos.postgres import SQL, Postgres
from bench.chaos.problems import Problem, number_of


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Counts of what must not be; `faults` says which, for a person to look into.

    Attributes:
        lost: tasks that were accepted and are not over, or are not there.
        wrong: tasks that ended otherwise than with the right and whole answer, or were made twice.
        duplicated: keyed effects that an idempotent receiver would count more than once.
        missing: keyed effects that it would not count at all.
        unsafe_repeated: unsafe effects that arrived more than once.
        untrue: calls that the journal has as done, or as never made, where the ledger knows better.
        stale_writes: rows written by a process that did not hold the agent.
        open_reservations: budgets that still hold something back, and calls without an outcome.
        unfinished: agents that are not over, and tasks whose events have gaps.
    """

    lost: int
    wrong: int
    duplicated: int
    missing: int
    unsafe_repeated: int
    untrue: int
    stale_writes: int
    open_reservations: int
    unfinished: int
    faults: tuple[str, ...]

    @property
    def clean(self) -> bool:
        return not any(value for name, value in vars(self).items() if name != "faults")


async def judge(postgres: Postgres, problems: Sequence[Problem], arrived: Sequence[Arrival]) -> Verdict:
    """Look at everything once nothing happens any more."""
    lost, wrong = _answers(problems, await postgres.fetch(SQL.tasks))
    entries = {entry for problem in problems for entry in problem.entries()}
    keyed = _keys("keyed", arrived)
    unsafe = Counter(arrival.entry for arrival in arrived if arrival.kind == "unsafe")
    calls = await postgres.fetch(SQL.effects, {"names": list(NAMES.values())})
    duplicated = [f"{entry} was posted by {len(keys)} keys" for entry, keys in keyed.items() if len(keys) > 1]
    missing = [f"{entry} was never posted" for entry in sorted(entries - set(keyed))]
    repeated = [f"{entry} was sent {times} times" for entry, times in unsafe.items() if times > 1]
    untrue = _untrue(calls, Counter(arrival.key for arrival in arrived))
    stale = [f"stale write: {row}" for row in await postgres.fetch(SQL.stale_writes)]
    return Verdict(
        lost=len(lost),
        wrong=len(wrong),
        duplicated=len(duplicated),
        missing=len(missing),
        unsafe_repeated=len(repeated),
        untrue=len(untrue),
        stale_writes=len(stale),
        open_reservations=await postgres.number(SQL.open_reservations),
        unfinished=await postgres.number(SQL.open_agents) + await postgres.number(SQL.event_gaps),
        faults=(*lost, *wrong, *duplicated, *missing, *repeated, *untrue, *stale),
    )


def _answers(problems: Sequence[Problem], rows: Sequence[tuple[Any, ...]]) -> tuple[list[str], list[str]]:
    found: dict[int, list[tuple[Any, ...]]] = {}
    for row in rows:
        found.setdefault(number_of(row[1]), []).append(row)
    lost: list[str] = []
    wrong: list[str] = []
    for problem in problems:
        made = found.get(problem.number, [])
        if not made or any(row[2] == "running" for row in made):
            lost.append(f"task {problem.number} is lost: {made}")
        elif len(made) > 1 or not _right(problem, made[0]):
            wrong.append(f"task {problem.number} should give {problem.total}: {made}")
    return lost, wrong


def _right(problem: Problem, row: tuple[Any, ...]) -> bool:
    _, _, status, stop_reason, answer, _ = row
    whole = status == "done" and stop_reason == "completed" and not answer["partial"]
    return whole and answer["output"] == {"total": problem.total}


def _keys(kind: str, arrived: Sequence[Arrival]) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {}
    for arrival in arrived:
        if arrival.kind == kind:
            found.setdefault(arrival.entry, set()).add(arrival.key)
    return found


def _untrue(calls: Sequence[tuple[Any, ...]], arrived: Mapping[str, int]) -> list[str]:
    """Done means that it arrived; what arrived must be done, or have an outcome that is not known."""
    faults: list[str] = []
    for call, effect, state, attempts in calls:
        here = call in arrived
        if (state == "done" and not here) or (here and state not in {"done", "unknown"}):
            faults.append(
                f"the journal has the {effect} call {call} as {state} ({attempts} attempts): {here=}"
            )
    known = {call for call, *_ in calls}
    return faults + [f"the journal has no call {key}" for key in arrived if key not in known]


def percentile(values: Sequence[float], share: float) -> float | None:
    """Nearest rank; None of nothing."""
    ranked = sorted(values)
    return round(ranked[min(len(ranked) - 1, int(len(ranked) * share))], 2) if ranked else None


def as_json(verdict: Verdict) -> dict[str, int]:
    return {name: value for name, value in json.loads(json.dumps(vars(verdict))).items() if name != "faults"}
