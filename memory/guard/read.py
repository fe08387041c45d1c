"""The read guard: which fetched records may enter a prompt. Values in, verdicts out; no storage, no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.ids import RecordId
from memory.guard.model import Abstained, Accepted, Candidate, HeldBack, HeldReason, Verdict
from memory.guard.patterns import INSTRUCTION_LIMIT, instruction_score
from memory.guard.signature import Signature, sign, similarity

QUORUM = 3
"""Distinct origins needed to compare records: with two, neither side of a disagreement is the majority."""

ACCEPT_BELOW = 0.4
REJECT_ABOVE = 0.65
"""Divergence bounds: below the first a record agrees with its siblings, above the second it stands alone.
Of three origins where one deviates, the honest two diverge by 0.5 or less and the third by far more."""

MIN_WORTH = 0.5
"""An insight contradicted more often than supported is held back."""


def review(candidates: Sequence[Candidate], *, minimum_similarity: float) -> dict[RecordId, Verdict]:
    """Judge fetched records against the rules and against each other.

    First each record alone: quarantined, too far from the goal, or written like instructions. Then one
    record per origin (or voice), the nearest, for each kind.
    Then the episodes left are compared by their recorded actions; every origin has one vote, and no record
    votes on its own origin. Without a quorum, without recorded actions, between the bounds, or where more
    than half would be held back, the guard abstains: absence of evidence is not evidence against a record.

    Returns:
        A verdict for every candidate, by id.
    """
    verdicts: dict[RecordId, Verdict] = {}
    chosen: dict[tuple[str, str], Candidate] = {}
    for candidate in sorted(candidates, key=lambda one: (-one.similarity, one.id)):
        reason = _fault(candidate, minimum_similarity)
        voice = candidate.kind, candidate.voice or candidate.origin
        if reason is None and voice in chosen:
            reason = "same_origin"
        if reason is None:
            chosen[voice] = candidate
        else:
            verdicts[candidate.id] = HeldBack(reason=reason)
    episodes = [candidate for candidate in chosen.values() if candidate.kind == "episode"]
    verdicts.update(_consensus(episodes))
    for candidate in chosen.values():
        if candidate.kind == "insight":
            verdicts[candidate.id] = _insight_verdict(candidate)
        elif candidate.kind == "note":
            verdicts[candidate.id] = _by_state(candidate)
    return verdicts


def _fault(candidate: Candidate, minimum_similarity: float) -> HeldReason | None:
    if candidate.state in {"quarantined", "retired"}:
        return "quarantined"
    if candidate.similarity < minimum_similarity:
        return "below_threshold"
    if any(instruction_score(text) >= INSTRUCTION_LIMIT for text in candidate.texts):
        return "instruction_pattern"
    return None


def _insight_verdict(candidate: Candidate) -> Verdict:
    if candidate.worth is not None and candidate.worth < MIN_WORTH:
        return HeldBack(reason="actions_disagree")
    return _by_state(candidate)


def _by_state(candidate: Candidate) -> Verdict:
    return Accepted() if candidate.state == "active" else Abstained(reason="candidate")


def _consensus(episodes: Sequence[Candidate]) -> Mapping[RecordId, Verdict]:
    signatures = {episode.id: sign(episode.actions) for episode in episodes if episode.actions}
    verdicts: dict[RecordId, Verdict] = {
        episode.id: Abstained(reason="no_actions") for episode in episodes if not episode.actions
    }
    if len(signatures) < QUORUM:
        return verdicts | {record: Abstained(reason="no_quorum") for record in signatures}
    judged: dict[RecordId, Verdict] = {}
    for record, signature in signatures.items():
        judged[record] = _judge(signature, [other for key, other in signatures.items() if key != record])
    rejected = sum(verdict.decision == "held_back" for verdict in judged.values())
    if 2 * rejected > len(judged):
        judged = {record: Abstained(reason="no_consensus") for record in judged}
    return verdicts | judged


def _judge(signature: Signature, siblings: Sequence[Signature]) -> Verdict:
    """Compare one record with those of other origins, one vote each."""
    known = frozenset[tuple[str, str]]().union(*(sibling.sensitive for sibling in siblings))
    divergence = 1 - sum(similarity(signature, sibling) for sibling in siblings) / len(siblings)
    if divergence > REJECT_ABOVE or not signature.sensitive <= known:
        return HeldBack(reason="actions_disagree")
    return Accepted() if divergence < ACCEPT_BELOW else Abstained(reason="undecided")
