"""Recorded actions, record states and the guard's verdicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from core.ids import RecordId
from core.provenance import Trust
from core.text import clipped, printable

RecordKind = Literal["episode", "insight", "note"]

RecordState = Literal["candidate", "active", "quarantined", "retired"]
"""A candidate may be recalled, marked unverified; quarantined and retired records never are."""

_STATES: tuple[RecordState, ...] = ("active", "candidate", "quarantined", "retired")


def freest(*states: RecordState) -> RecordState:
    """The state that all of these allow."""
    return max(states, key=_STATES.index)


HeldReason = Literal[
    "same_origin", "actions_disagree", "quarantined", "instruction_pattern", "below_threshold"
]

Doubt = Literal["no_quorum", "no_actions", "undecided", "no_consensus", "candidate"]
"""Why the guard abstained; see `memory.guard.read.review`."""


TARGET_CHARACTERS = 300


def _target(text: str) -> str:
    return clipped(printable(text), TARGET_CHARACTERS)


class Action(BaseModel):
    """One tool call as the platform recorded it; never a tool's output."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tool: str = Field(min_length=1, max_length=100)
    target: Annotated[str, AfterValidator(_target)] = Field(
        default="", description="Path, host or URL, normalised; may be empty."
    )
    effect: Literal["pure", "keyed", "unsafe"]


class _Verdict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Accepted(_Verdict):
    decision: Literal["accepted"] = "accepted"


class HeldBack(_Verdict):
    decision: Literal["held_back"] = "held_back"
    reason: HeldReason


class Abstained(_Verdict):
    """Not enough is known to judge: the record may be used, marked unverified."""

    decision: Literal["abstained"] = "abstained"
    reason: Doubt


Verdict = Annotated[Accepted | HeldBack | Abstained, Field(discriminator="decision")]


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A fetched record as the read guard sees it.

    `worth` is how far episodes agree with an insight, 0 to 1, and absent for episodes. `voice` is whose word
    the record is, where that is another than its origin's: of several with one voice the nearest counts.
    """

    id: RecordId
    kind: RecordKind
    origin: str
    similarity: float
    state: RecordState
    trust: Trust
    texts: tuple[str, ...]
    actions: tuple[Action, ...] = ()
    worth: float | None = None
    voice: str | None = None
