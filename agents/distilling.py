"""The distiller: what a model is asked of finished tasks and recalled records, and how replies are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import JsonValue

from agents import prompt
from core.blocks import block
from core.ids import RecordId
from core.provenance import Trust
from core.text import clipped
from inference.model import Message, ModelReply, ModelRequest
from memory.insight_graph.material import (
    Condensed,
    Material,
    Refinement,
    RefiningEpisode,
    RefiningInsight,
    condensing_schema,
    read_condensed,
)
from memory.insight_graph.operations import Refine, read, schema
from memory.recall_model import RecalledRecord

CONDENSE_TOKENS, REFINE_TOKENS, RERANK_TOKENS = 256, 768, 384

GOAL_CHARACTERS, STEP_CHARACTERS = 400, 80
"""What prompts show of each, so that both calls of a task fit into what its learning may use."""

_MOST_SCORE = 10


def condense_request(material: Material) -> ModelRequest:
    moments: list[JsonValue] = [moment.model_dump(mode="json") for moment in material.moments]
    return _request(
        "condense",
        [
            block("goal", clipped(material.goal, GOAL_CHARACTERS), material.trust),
            block("outcome", material.outcome, Trust.PLATFORM),
            block("moments", moments, material.trust),
        ],
        condensing_schema(material),
        CONDENSE_TOKENS,
    )


def condensed(reply: ModelReply, material: Material) -> Condensed | None:
    """`None` where the reply is not usable; then nothing changes."""
    return read_condensed(reply.output, material)


def refine_request(refinement: Refinement) -> ModelRequest:
    return _request(
        "refine",
        [
            block("episodes", [_episode(one) for one in refinement.episodes], refinement.trust),
            block("insights", [_insight(one) for one in refinement.insights], refinement.trust),
        ],
        schema([one.ref for one in refinement.episodes], [one.ref for one in refinement.insights]),
        REFINE_TOKENS,
    )


def refinements(reply: ModelReply) -> list[Refine] | None:
    """`None` where the reply is not usable; then nothing changes."""
    return read(reply.output)


def rerank_request(goal: str, records: Sequence[RecalledRecord]) -> ModelRequest:
    told: list[JsonValue] = [
        {"ref": f"r{number}", "kind": record.kind, "title": record.title, "lines": list(record.lines)}
        for number, record in enumerate(records, 1)
    ]
    refs: list[JsonValue] = [f"r{number}" for number in range(1, len(records) + 1)]
    score: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["ref", "score"],
        "properties": {
            "ref": {"enum": refs},
            "score": {"type": "integer", "minimum": 0, "maximum": _MOST_SCORE},
        },
    }
    scores: dict[str, Any] = {"type": "array", "items": score, "maxItems": len(records)}
    return _request(
        "rerank",
        [
            block("goal", goal, Trust.USER),
            block("records", told, min((record.trust for record in records), default=Trust.PLATFORM)),
        ],
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["scores"],
            "properties": {"scores": scores},
        },
        RERANK_TOKENS,
    )


def scores(reply: ModelReply, records: Sequence[RecalledRecord]) -> Mapping[RecordId, float]:
    """0 to 1, of the records that were given one."""
    by_ref = {f"r{number}": record.id for number, record in enumerate(records, 1)}
    output = cast(dict[str, Any], reply.output)
    return {by_ref[one["ref"]]: one["score"] / _MOST_SCORE for one in output["scores"]}


def _request(
    kind: str, blocks: Sequence[str], output_schema: dict[str, JsonValue], max_tokens: int
) -> ModelRequest:
    return ModelRequest(
        kind=kind,
        messages=(prompt.system(kind), Message(role="user", content="\n".join(blocks))),
        output_schema=output_schema,
        output_name=kind,
        max_tokens=max_tokens,
        metadata=prompt.stamp(kind),
    )


def _episode(shown: RefiningEpisode) -> JsonValue:
    episode = shown.episode
    return {
        "ref": shown.ref,
        "new": shown.new,
        "goal": clipped(episode.goal, GOAL_CHARACTERS),
        "outcome": episode.outcome,
        "tools": list(episode.procedure),
        "key_steps": [clipped(step, STEP_CHARACTERS) for step in episode.key_steps],
        "fail_reason": episode.fail_reason or "",
    }


def _insight(shown: RefiningInsight) -> JsonValue:
    insight = shown.insight
    return {
        "ref": shown.ref,
        "text": insight.text,
        "for": insight.supports,
        "against": insight.contradictions,
    }
