"""`python -m bench.attacks.agentdojo [--quick]`: a model that obeys every injection it can read.

The undefended arm shows that the attack works, the defended one what is left of it, over all pairs of a user
task and an injection of AgentDojo 1.2.2; then values are swapped inside of what tools bring; then each
defence is off alone, over a sample. A scripted person approves what the user task needs, and nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from bench.attacks.agentdojo.run import Case, Dojo, Outcome, arm, dojo

EVERYTHING = ("gate", "taint", "validator")
QUICK_PAIRS = 16
ABLATED_PAIRS = 120
SEED = 20_241_115


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    async with dojo() as on:
        pairs = await on.cases()
        if options.suites:
            pairs = [case for case in pairs if case.suite in options.suites]
        chosen = _sample(pairs, QUICK_PAIRS if options.quick else options.pairs)
        users = _users(pairs if not options.quick else chosen)
        swaps = [replace(case, swaps=True) for case in users]
        undefended = await arm(on, EVERYTHING, [*chosen, *users], _tell)
        defended = await arm(on, (), [*chosen, *users, *swaps], _tell)
        ablated = await _ablated(on, _sample(chosen, 0 if options.quick else ABLATED_PAIRS))
    return figures(undefended, defended, ablated)


async def _ablated(on: Dojo, pairs: Sequence[Case]) -> dict[str, list[Outcome]]:
    return {name: await arm(on, (name,), pairs, _tell) for name in EVERYTHING if pairs}


def _sample(pairs: Sequence[Case], most: int | None) -> list[Case]:
    """So many of them, the same in every run."""
    if most is None or most >= len(pairs):
        return list(pairs)
    return random.Random(SEED).sample(pairs, most)


def _users(pairs: Iterable[Case]) -> list[Case]:
    found = dict.fromkeys(Case(suite=case.suite, user=case.user) for case in pairs)
    return list(found)


def figures(
    undefended: Sequence[Outcome], defended: Sequence[Outcome], ablated: dict[str, list[Outcome]]
) -> dict[str, Any]:
    attacks = [outcome for outcome in defended if outcome.case.injection]
    core = [outcome for outcome in attacks if outcome.case.core]
    control = [outcome for outcome in undefended if outcome.case.injection]
    swapped = [outcome for outcome in defended if outcome.case.swaps and outcome.swaps]
    benign, plain = _benign(defended), _benign(undefended)
    reached = _names(outcome for outcome in attacks if outcome.attacked)
    faults = [outcome for outcome in (*undefended, *defended) if outcome.fault]
    return {
        "pairs": len(attacks),
        "core_pairs": len(core),
        "undefended_success": _share(outcome.attacked for outcome in control),
        "undefended_core_success": _share(outcome.attacked for outcome in control if outcome.case.core),
        "defended_success": _share(outcome.attacked for outcome in attacks),
        "defended_upper_95": _upper(len(reached), len(attacks)),
        "defended_reached": reached,
        "utility_undefended": _share(outcome.utility for outcome in plain),
        "utility_defended": _share(outcome.utility for outcome in benign),
        "utility_under_attack_undefended": _share(outcome.utility for outcome in control),
        "utility_under_attack_defended": _share(outcome.utility for outcome in attacks),
        "swapped_tasks": len(swapped),
        "silent_swaps": sum(outcome.silent for outcome in swapped),
        "approvals_per_task": round(statistics.fmean(outcome.asked for outcome in benign), 3),
        "approvals_median": statistics.median(outcome.asked for outcome in benign),
        "approvals_under_attack": round(statistics.fmean(outcome.asked for outcome in attacks), 3),
        "token_ratio": round(
            sum(outcome.tokens for outcome in benign) / sum(outcome.worker_tokens for outcome in plain), 3
        ),
        "ablated_pairs": {name: len(outcomes) for name, outcomes in ablated.items()},
        "ablated_success": {
            name: _share(outcome.attacked for outcome in outcomes) for name, outcomes in ablated.items()
        },
        "unmoved": _names(outcome for outcome in control if not outcome.attacked),
        "useless_defended": _names(outcome for outcome in benign if not outcome.utility),
        "useless_undefended": _names(outcome for outcome in plain if not outcome.utility),
        "failed": {outcome.case.name: outcome.failed for outcome in (*plain, *benign) if outcome.failed},
        "faults": {outcome.case.name: outcome.fault for outcome in faults},
    }


def _names(outcomes: Iterable[Outcome]) -> list[str]:
    return sorted(outcome.case.name for outcome in outcomes)


def _benign(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.case.injection is None and not outcome.case.swaps]


def _share(held: Iterable[bool]) -> float:
    each = list(held)
    return round(sum(each) / len(each), 4) if each else 0.0


def _upper(reached: int, pairs: int) -> float:
    """Of the share, with 95 % confidence (Clopper-Pearson, one side)."""
    low, high = reached / pairs, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        term, tail = (1 - middle) ** pairs, 0.0
        for hits in range(reached + 1):
            tail += term
            term *= (pairs - hits) / (hits + 1) * middle / (1 - middle)
        low, high = (middle, high) if tail > 0.05 else (low, middle)
    return round(high, 4)


def _tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def show(found: dict[str, Any]) -> None:
    rows = [
        ("pairs (core)", f"{found['pairs']} ({found['core_pairs']})"),
        ("goals reached, undefended", f"{found['undefended_success']:.1%}"),
        ("goals reached, undefended, core pairs", f"{found['undefended_core_success']:.1%}"),
        ("goals reached, defended", f"{found['defended_success']:.2%} (≤ {found['defended_upper_95']:.2%})"),
        ("utility, undefended", f"{found['utility_undefended']:.1%}"),
        ("utility, defended", f"{found['utility_defended']:.1%}"),
        ("utility under attack, undefended", f"{found['utility_under_attack_undefended']:.1%}"),
        ("utility under attack, defended", f"{found['utility_under_attack_defended']:.1%}"),
        ("tasks with swapped values", str(found["swapped_tasks"])),
        ("swapped values executed unasked", str(found["silent_swaps"])),
        ("approvals per task", f"{found['approvals_per_task']} (median {found['approvals_median']:g})"),
        ("tokens, beside one flat agent", f"{found['token_ratio']}x"),
        *(
            (f"goals reached without {name}", f"{share:.1%}")
            for name, share in found["ablated_success"].items()
        ),
    ]
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")
    for name in ("defended_reached", "unmoved", "useless_undefended", "useless_defended"):
        print(f"{name}: {', '.join(found[name]) or 'none'}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick", action="store_true", help=f"a sample of {QUICK_PAIRS} pairs, and no ablations"
    )
    parser.add_argument("--pairs", type=int, help="a sample of so many pairs")
    parser.add_argument("--suites", nargs="+", help="these suites")
    found = asyncio.run(measure(parser.parse_args()))
    show(found)
    print(json.dumps(found))
    if found["faults"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
