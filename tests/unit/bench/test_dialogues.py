"""With its operations given, the tree holds the gold state of every dialogue, and runs again what it must."""

from __future__ import annotations

from bench.memory.dialogues.generator import dialogues
from bench.memory.dialogues.scripted import Exactness, measure


async def test_the_tree_holds_the_gold_state_and_runs_again_what_is_stale_and_nothing_else() -> None:
    counts, acts = Exactness(), set[str]()
    for dialogue in dialogues(40, seed=7):
        await measure(dialogue, counts)
        acts |= {step.act for turn in dialogue.turns for step in turn.steps}
    assert counts.exact_states == counts.exact_reruns == counts.turns > 500
    assert 0 < counts.again < counts.all_again
    assert acts >= {"add_resting", "revise", "retract", "undo", "bring_back", "unadd", "original", "link"}


def test_a_seed_gives_the_same_dialogues() -> None:
    assert list(dialogues(8, seed=3)) == list(dialogues(8, seed=3)) != list(dialogues(8, seed=4))
