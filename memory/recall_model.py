"""What a recall gives: records that may be used, records held back, and why. JSON both ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from core.ids import RecordId
from core.provenance import Trust
from core.text import clipped, printable
from memory.guard.model import HeldReason, RecordKind, Verdict
from memory.insight_graph.model import Episode, Insight

LINE_CHARACTERS = 300

ReaderRole = Literal["lead", "worker"]
"""Who reads: a lead plans by what was planned, a worker acts by what was done."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RecalledRecord(_Model):
    """A record for the prompt: plain bounded text, to be shown as delimited data only.

    `held_out` says of a contender that this task does without it, should it be among the best.
    """

    id: RecordId
    kind: RecordKind
    version: int | None = None
    title: str
    lines: tuple[str, ...]
    similarity: float
    score: float = 0.0
    trust: Trust
    origin: str
    verdict: Verdict
    held_out: bool = False

    @property
    def unverified(self) -> bool:
        """Whether the guard could not judge it."""
        return self.verdict.decision == "abstained"


class HeldBackRecord(_Model):
    """A record the guard kept out of the prompt; its text is not repeated."""

    id: RecordId
    kind: RecordKind
    origin: str
    reason: HeldReason
    similarity: float


class WithheldRecord(_Model):
    """An insight that would have been shown and was held out, so that its lift can be measured."""

    id: RecordId
    kind: RecordKind
    version: int | None = None
    similarity: float


class Recall(_Model):
    """What memory gives to one agent.

    `degraded` says that the index could not be asked, and `reason` why: the task goes on without. Where the
    ranking leaves open which records are the best, and the caller may ask a model, `contenders` are all that
    could be used, best first; `memory.recall_rank.settled` makes the choice.
    """

    used: tuple[RecalledRecord, ...] = ()
    withheld: tuple[WithheldRecord, ...] = ()
    contenders: tuple[RecalledRecord, ...] = ()
    held_back: tuple[HeldBackRecord, ...] = ()
    degraded: bool = False
    reason: str | None = None


def episode_lines(episode: Episode, role: ReaderRole) -> tuple[str, ...]:
    """The outcome and the condensed trajectory; what a model wrote only where nothing untrusted had a part.

    A lead sees the steps of the plan, a worker the steps that mattered among what was done.
    """
    lines = [f"outcome: {episode.outcome}"]
    if role == "lead":
        lines += [f"step: {step.title} ({step.status})" for step in episode.steps]
    lines += [f"key step: {step}" for step in episode.key_steps]
    if episode.procedure and not episode.key_steps:
        lines.append(f"tools: {', '.join(episode.procedure)}")
    if episode.provenance.trust > Trust.UNTRUSTED:
        if episode.fail_reason:
            lines.append(f"failed because: {episode.fail_reason}")
        if episode.conclusion:
            lines.append(f"conclusion: {episode.conclusion}")
    return tuple(lines)


def insight_lines(insight: Insight) -> tuple[str, ...]:
    seen = f"seen {insight.supports + insight.contradictions} times"
    if insight.kind == "advice" and insight.contradictions:
        seen += f", against it {insight.contradictions}"
    return insight.text, seen


def fitted(title: str, lines: Sequence[str], budget: int) -> tuple[str, tuple[str, ...]]:
    """Title and lines on one line each, together at most `budget` characters; cut from the end."""
    short = clipped(_flat(title), min(budget, LINE_CHARACTERS))
    left = budget - len(short)
    kept: list[str] = []
    for line in lines:
        text = clipped(_flat(line), LINE_CHARACTERS)
        if len(text) > left:
            break
        kept.append(text)
        left -= len(text)
    return short, tuple(kept)


def _flat(text: str) -> str:
    return " ".join(printable(text).split())
