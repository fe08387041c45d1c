"""Reward: how well a task ended, 0 to 1, from what the platform itself saw of it."""

from __future__ import annotations

from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from memory.insight_graph.model import FinishedTask, Outcome

ENDED_WELL = 0.5
"""From this reward on a task counts as a success."""

PARTIAL = 0.4
REFUSALS_COST = 0.25
"""What it costs at most that returns were refused for not fitting their schema or for unproven quotes."""

_STEPS = 64
"""Rewards are kept in 64ths, so that sums of them come out the same in any order."""


class Signals(BaseModel):
    """What the platform saw: how the task ended, whether a limit cut it, the gate's verdicts on returns."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: Outcome
    partial: bool = False
    accepted: int = Field(default=0, ge=0)
    refused: int = Field(default=0, ge=0)


class Evaluator(Protocol):
    """A judge of finished tasks that a deployment brings along; asked once, off the user's path."""

    async def score(self, finished: FinishedTask) -> float | None:
        """0 to 1, in place of what the platform would make of it; `None` where it cannot say."""
        ...


def rewarded(signals: Signals) -> float | None:
    """`None` for a task that was cancelled: it says nothing about what it was shown."""
    if signals.outcome == "cancelled":
        return None
    if signals.outcome == "failed":
        return 0.0
    verdicts = signals.accepted + signals.refused
    lost = REFUSALS_COST * signals.refused / verdicts if verdicts else 0.0
    return quantised((PARTIAL if signals.partial else 1.0) * (1 - lost))


def quantised(reward: float) -> float:
    return round(min(1.0, max(0.0, reward)) * _STEPS) / _STEPS
