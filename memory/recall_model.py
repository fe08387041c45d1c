"""What a recall gives: records that may be used, records held back, and why. JSON both ways."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from core.ids import RecordId
from core.provenance import Trust
from core.text import clipped, printable
from memory.guard.model import HeldReason, RecordKind, Verdict
from memory.insight_graph.model import Episode, Insight

LINE_CHARACTERS = 300


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RecalledRecord(_Model):
    """A record for the prompt: plain bounded text, to be shown as delimited data only."""

    id: RecordId
    kind: RecordKind
    version: int | None = None
    title: str
    lines: tuple[str, ...]
    similarity: float
    trust: Trust
    origin: str
    verdict: Verdict

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


class Recall(_Model):
    """`degraded` says that the index could not be asked, and `reason` why: the task goes on without."""

    used: tuple[RecalledRecord, ...] = ()
    held_back: tuple[HeldBackRecord, ...] = ()
    degraded: bool = False
    reason: str | None = None


def episode_lines(episode: Episode) -> tuple[str, ...]:
    """The outcome, the steps, the tools; the conclusion only where no untrusted text had a part in it."""
    tools = dict.fromkeys(action.tool for action in episode.actions)
    lines = [f"outcome: {episode.outcome}"]
    lines += [f"step: {step.title} ({step.status})" for step in episode.steps]
    if tools:
        lines.append(f"tools: {', '.join(tools)}")
    if episode.conclusion and episode.provenance.trust > Trust.UNTRUSTED:
        lines.append(f"conclusion: {episode.conclusion}")
    return tuple(lines)


def insight_lines(insight: Insight) -> tuple[str, ...]:
    return (insight.text, f"seen {insight.supports + insight.contradictions} times")


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
