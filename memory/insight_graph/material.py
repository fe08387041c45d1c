"""What learning shows a model, and what may come of it: refs of what happened, a few words on failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from core.ids import RecordId, TaskId
from core.provenance import Trust
from core.text import clipped
from memory.insight_graph.model import FAIL_REASON_CHARACTERS, Episode, Insight, Outcome, Utterance

MAX_MOMENTS = 40
MAX_KEY_STEPS = 8
MOMENT_CHARACTERS = 160


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Moment(_Model):
    """One thing that happened in a task, as the platform recorded it."""

    ref: str
    kind: str
    text: str


class Material(_Model):
    """A finished task to be condensed."""

    episode: RecordId
    task: TaskId
    cluster: UUID | None
    goal: str
    outcome: Outcome
    moments: tuple[Moment, ...]
    trust: Trust


class Condensed(_Model):
    """The moments that mattered, by their refs, and why the task failed, if it did."""

    key_steps: tuple[str, ...] = Field(max_length=MAX_KEY_STEPS)
    fail_reason: str = Field(max_length=FAIL_REASON_CHARACTERS)


class RefiningEpisode(_Model):
    """An episode as a refinement shows it; `new` ones were never refined before."""

    ref: str
    new: bool
    episode: Episode


class RefiningInsight(_Model):
    ref: str
    insight: Insight


class Refinement(_Model):
    """New episodes of a cluster and the advice there is, for one model call. All of it a reply may touch."""

    task: TaskId
    cluster: UUID
    scope: str
    episodes: tuple[RefiningEpisode, ...]
    insights: tuple[RefiningInsight, ...]

    @property
    def new(self) -> tuple[Episode, ...]:
        return tuple(one.episode for one in self.episodes if one.new)

    @property
    def trust(self) -> Trust:
        """Of its least trusted source, and so of every word that is made of it (law 7)."""
        sources = [one.episode.trust for one in self.episodes]
        sources += [one.insight.provenance.trust for one in self.insights]
        return min(sources, default=Trust.UNTRUSTED)

    def episode(self, ref: str) -> Episode | None:
        return next((one.episode for one in self.episodes if one.ref == ref), None)

    def insight(self, ref: str) -> Insight | None:
        return next((one.insight for one in self.insights if one.ref == ref), None)


def material_of(episode: Episode, said: Sequence[Utterance]) -> Material:
    """The calls of an episode are its moments; where no utterances were kept, its recorded actions are."""
    calls = [one.content for one in said if one.kind == "call"]
    if not calls:
        calls = [f"{action.tool} {action.target}".strip() for action in episode.actions]
    moments = [
        *(("step", f"{step.title} ({step.status})") for step in episode.steps),
        *(("call", content) for content in calls),
    ]
    return Material(
        episode=episode.id,
        task=episode.task,
        cluster=episode.cluster,
        goal=episode.goal,
        outcome=episode.outcome,
        moments=tuple(
            Moment(ref=f"m{number}", kind=kind, text=clipped(text, MOMENT_CHARACTERS))
            for number, (kind, text) in enumerate(moments[:MAX_MOMENTS], 1)
        ),
        trust=episode.provenance.trust,
    )


def condensing_schema(material: Material) -> dict[str, JsonValue]:
    """Key steps can only be moments that were: their refs are an enum."""
    refs: Mapping[str, Any] = {"enum": [moment.ref for moment in material.moments]}
    key_steps: dict[str, Any] = {"type": "array", "items": refs, "maxItems": MAX_KEY_STEPS}
    if not material.moments:
        key_steps = {"type": "array", "maxItems": 0}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["key_steps", "fail_reason"],
        "properties": {
            "key_steps": key_steps,
            "fail_reason": {"type": "string", "maxLength": FAIL_REASON_CHARACTERS},
        },
    }


def read_condensed(output: object, material: Material) -> Condensed | None:
    """What a reply says, or `None` where it is not what the schema says."""
    try:
        condensed = Condensed.model_validate(output)
    except ValidationError:
        return None
    known = {moment.ref for moment in material.moments}
    return condensed if set(condensed.key_steps) <= known else None
