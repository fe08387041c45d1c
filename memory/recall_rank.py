"""Ranking of what may be recalled: similarity, ties and trust first, learned utility second. Values only."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from uuid import UUID

from core.ids import RecordId
from core.provenance import Trust
from memory.insight_graph.model import Insight
from memory.insight_graph.reading import Reached
from memory.recall_model import Recall, RecalledRecord, WithheldRecord

COSINE_SHARE, TIES_SHARE, TRUST_SHARE = 0.6, 0.2, 0.2

UTILITY_SHARE = 0.3
"""Of the second phase: what tasks came to that were shown a record, against how near it is (MemRL)."""

HOPPED_TIE = 0.5
"""What an episode that only an edge led to counts for ties, where one that the index named counts 1."""

POOL = 4
"""Multiple of the limit that goes into the second phase, of each kind."""

MARGIN = 0.02
"""Nearer than this, the last record used and the first one left out could as well change places."""

MAX_NOTES = 2
"""Notes among the records used: what was said to memory must not crowd out what was learned."""

RERANK_SHARE = 0.5
"""What a model's scores weigh beside the ranking's."""

HoldOut = Callable[[RecordId], bool]


def first_score(reached: Reached) -> float:
    """0 to 1: 0.6 of cosine, 0.2 of ties in the graph, 0.2 of trust."""
    record = reached.record
    if isinstance(record, Insight):
        strength = max(0.0, reached.strength) * record.worth
        ties = strength / (1 + strength)
    else:
        ties = HOPPED_TIE if reached.hopped else 1.0
    return _without_utility(reached.similarity, ties, record.provenance.trust)


def second_score(similarity: float, ties: float, trust: Trust, utility: float) -> float:
    """The same with a record's utility, for records that stand outside the graph."""
    return (1 - UTILITY_SHARE) * _without_utility(similarity, ties, trust) + UTILITY_SHARE * utility


def _without_utility(similarity: float, ties: float, trust: Trust) -> float:
    own = TRUST_SHARE * trust / Trust.PLATFORM
    return COSINE_SHARE * max(0.0, similarity) + TIES_SHARE * ties + own


def ranked(found: Sequence[Reached], limit: int) -> list[tuple[Reached, float]]:
    """The best of each kind by the first score, ordered by both; ties are broken by id, so it repeats."""
    insights = _first([one for one in found if isinstance(one.record, Insight)], limit)
    episodes = _first([one for one in found if not isinstance(one.record, Insight)], limit)
    both = [
        (one, (1 - UTILITY_SHARE) * score + UTILITY_SHARE * one.record.utility)
        for one, score in (*insights, *episodes)
    ]
    return sorted(both, key=lambda pair: (-pair[1], pair[0].record.id))


def _first(found: Sequence[Reached], limit: int) -> list[tuple[Reached, float]]:
    scored = [(one, first_score(one)) for one in found]
    return sorted(scored, key=lambda pair: (-pair[1], pair[0].record.id))[: POOL * limit]


def hold_out(task: UUID | None, share: float) -> HoldOut:
    """Whether a task does without an insight that it would be shown: the same whenever it is asked."""

    def held(insight: RecordId) -> bool:
        if task is None or share <= 0:
            return False
        digest = hashlib.sha256(task.bytes + insight.bytes).digest()
        return int.from_bytes(digest[:8]) < share * 2**64

    return held


def chosen(
    candidates: Sequence[RecalledRecord], limit: int
) -> tuple[tuple[RecalledRecord, ...], tuple[WithheldRecord, ...]]:
    """The best of the candidates, and the insights among them that are held out; others take their places.

    Half the places are for insights, the other half for what happened; what one leaves free, the other gets.
    """
    candidates = _without_many_notes(candidates)
    showable = Counter(_general(record) for record in candidates if not record.held_out)
    places = {
        True: max(limit // 2, limit - showable[False]),
        False: max(limit - limit // 2, limit - showable[True]),
    }
    used: list[RecalledRecord] = []
    withheld: list[WithheldRecord] = []
    for record in candidates:
        if places[_general(record)] == 0:
            continue
        if record.held_out:
            withheld.append(
                WithheldRecord(
                    id=record.id, kind=record.kind, version=record.version, similarity=record.similarity
                )
            )
            continue
        places[_general(record)] -= 1
        used.append(record)
    return tuple(used), tuple(withheld)


def _without_many_notes(candidates: Sequence[RecalledRecord]) -> list[RecalledRecord]:
    notes = [record.id for record in candidates if record.kind == "note"][MAX_NOTES:]
    return [record for record in candidates if record.id not in notes]


def _general(record: RecalledRecord) -> bool:
    return record.kind == "insight"


def unclear(candidates: Sequence[RecalledRecord], used: Sequence[RecalledRecord]) -> bool:
    """Whether a record left out is so near to the last one like it that their order says little."""
    shown = {record.id for record in used}
    left = [record for record in candidates if record.id not in shown and not record.held_out]
    return any(
        min(last.score for last in used if _general(last) == _general(record)) - record.score < MARGIN
        for record in left
        if any(_general(last) == _general(record) for last in used)
    )


def settled(recall: Recall, scores: Mapping[RecordId, float] | None, *, limit: int) -> Recall:
    """Choose among the contenders, with a model's scores (0 to 1) where it gave any."""
    contenders = list(recall.contenders)
    if scores:
        contenders.sort(
            key=lambda record: (
                -(1 - RERANK_SHARE) * record.score - RERANK_SHARE * scores.get(record.id, 0.0),
                record.id,
            )
        )
    used, withheld = chosen(contenders, limit)
    return recall.model_copy(update={"used": used, "withheld": withheld, "contenders": ()})
