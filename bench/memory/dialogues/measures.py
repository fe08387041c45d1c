"""What is counted of an arm: its state, what it did, what it said, and what its prompts took.

The user answers an arm that asks back: says the same once more, in a plain form. What an arm did is counted
before that, its state afterwards.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field
from statistics import mean

from bench.memory.dialogues.arms import Arm, Heard
from bench.memory.dialogues.generator import Dialogue, Turn

AT_TURNS = (5, 10, 20, 30)


@dataclass
class Tally:
    """Counts over turns; `effects` by how a turn was said: right, asked, or something else done."""

    slots: int = 0
    right_slots: int = 0
    turns: int = 0
    right_states: int = 0
    changes: int = 0
    right_reruns: int = 0
    again: int = 0
    queries: int = 0
    answered: int = 0
    fabricated: int = 0
    vague: int = 0
    guessed: int = 0
    effects: dict[str, list[str]] = field(default_factory=lambda: defaultdict[str, list[str]](list))
    retries: int = 0
    tokens: list[int] = field(default_factory=list[int])
    tokens_at: dict[int, list[int]] = field(default_factory=lambda: defaultdict[int, list[int]](list))

    async def take(self, dialogue: Dialogue, arm: Arm) -> None:
        before: dict[str, str] = {}
        gold_before: dict[str, str] = {}
        for number, turn in enumerate(dialogue.turns, 1):
            heard = await arm.hear(turn.said)
            self._effect(turn, heard, _delta(before, heard.values), _delta(gold_before, turn.values))
            self._asked(dialogue, turn, heard)
            self.tokens.append(heard.prompt_tokens)
            if heard.asked and turn.steps[0].act not in {"vague", "query"}:
                self.retries += 1
                heard = await arm.hear(turn.plainly)
            self._state(turn, heard)
            if number in AT_TURNS:
                self.tokens_at[number].append(heard.prompt_tokens)
            before, gold_before = heard.values, turn.values

    def _state(self, turn: Turn, heard: Heard) -> None:
        mine, gold = _plain(heard.values), _plain(turn.values)
        self.turns += 1
        self.slots += len(mine.keys() | gold.keys())
        right = sum(mine.get(title) == value for title, value in gold.items())
        self.right_slots += right
        self.right_states += mine == gold
        if turn.steps[0].act not in {"query", "vague"}:
            self.changes += 1
            self.again += len(heard.values) if heard.again is None else len(heard.again)
            again = None if heard.again is None else frozenset(_words(title) for title in heard.again)
            self.right_reruns += again == frozenset(_words(title) for title in turn.stale)

    def _effect(
        self, turn: Turn, heard: Heard, did: dict[str, str | None], meant: dict[str, str | None]
    ) -> None:
        act = turn.steps[0].act
        if act == "vague":
            self.vague += 1
            self.guessed += bool(did)
        kind = "right" if did == meant else "asked" if not did else "wrong"
        if act in {"query", "vague"} and did:
            kind = "wrong"
        self.effects[turn.style].append(kind)

    def _asked(self, dialogue: Dialogue, turn: Turn, heard: Heard) -> None:
        """Whether a question got the value that holds, and whether one that does not hold was stated."""
        step = turn.steps[0]
        if step.act != "query":
            return
        self.queries += 1
        slot = next(slot for slot in dialogue.shape.slots if slot.title == step.title)
        said = heard.answer.casefold()
        holds = turn.values.get(step.title)
        stated = {
            value for value in slot.values if re.search(rf"(?<!\w){re.escape(value.casefold())}(?!\w)", said)
        }
        others = {_words(value) for title, value in turn.values.items() if title != step.title}
        self.answered += holds in stated if holds else not stated
        self.fabricated += any(_words(value) not in others for value in stated - {holds})

    def figures(self) -> dict[str, float]:
        """Shares of 1, but for tokens and counts."""
        said = [kind for kinds in self.effects.values() for kind in kinds]
        shares = {
            "slot_accuracy": self.right_slots / self.slots,
            "state_accuracy": self.right_states / self.turns,
            "wrong_intent_rate": said.count("wrong") / len(said),
            "asked_rate": said.count("asked") / len(said),
            "said_again": self.retries / self.turns,
            "answered": self.answered / self.queries,
            "fabricated_rate": self.fabricated / self.queries,
            "guessed_when_vague": self.guessed / max(1, self.vague),
            "exact_reruns": self.right_reruns / self.changes,
            "reruns_per_change": self.again / self.changes,
            "tokens_per_turn": mean(self.tokens),
        }
        for style, kinds in sorted(self.effects.items()):
            shares[f"right_{style}"] = kinds.count("right") / len(kinds)
        for number, tokens in sorted(self.tokens_at.items()):
            shares[f"tokens_at_{number}"] = mean(tokens)
        return {name: round(value, 4) for name, value in shares.items()}


def _delta(before: dict[str, str], after: dict[str, str]) -> dict[str, str | None]:
    """What changed: the new value of each slot, or none where it is gone."""
    old, new = _plain(before), _plain(after)
    return {title: new.get(title) for title in old.keys() | new.keys() if old.get(title) != new.get(title)}


def _plain(values: dict[str, str]) -> dict[str, str]:
    return {_words(title): _words(value) for title, value in values.items()}


def _words(text: str) -> str:
    return re.sub(r"^(?:the|a|an) ", "", " ".join(text.casefold().split()))
