"""Notes beside episodes and insights: which may enter a prompt, and what they weigh there."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from core.ids import RecordId
from core.provenance import Trust
from memory.guard.model import Candidate
from memory.guard.read import review
from memory.notes.model import Note
from memory.recall_model import LINE_CHARACTERS, HeldBackRecord, RecalledRecord, fitted
from memory.recall_rank import second_score

UTILITY = 0.5
"""Nobody counts how tasks end that were shown a note: it neither rises nor falls by it."""


def recalled(
    notes: Sequence[Note], similarity: Mapping[RecordId, float], *, least: float, share: int
) -> tuple[list[RecalledRecord], list[HeldBackRecord]]:
    """What the guard lets through, and what it holds back.

    The text of a note in which something untrusted had a part stays out of prompts, as a conclusion does.

    Args:
        notes: those that the index found.
        similarity: of each to the goal.
        least: below which a note says nothing about the goal.
        share: characters for each.
    """
    trusted = [note for note in notes if note.provenance.trust > Trust.UNTRUSTED and note.state != "retired"]
    candidates = [_candidate(note, similarity[note.id]) for note in trusted]
    verdicts = review(candidates, minimum_similarity=least)
    passed: list[RecalledRecord] = []
    held_back: list[HeldBackRecord] = []
    for note, candidate in zip(trusted, candidates, strict=True):
        verdict = verdicts[note.id]
        if verdict.decision == "held_back":
            held_back.append(
                HeldBackRecord(
                    id=note.id,
                    kind="note",
                    origin=note.origin,
                    reason=verdict.reason,
                    similarity=candidate.similarity,
                )
            )
            continue
        title, lines = fitted(_title(note), textwrap.wrap(note.text, LINE_CHARACTERS), share)
        passed.append(
            RecalledRecord(
                id=note.id,
                kind="note",
                title=title,
                lines=lines,
                similarity=candidate.similarity,
                score=second_score(candidate.similarity, 1.0, candidate.trust, UTILITY),
                trust=candidate.trust,
                origin=note.origin,
                verdict=verdict,
            )
        )
    return passed, held_back


def _title(note: Note) -> str:
    return f"note: {note.source or note.thread}" if note.source or note.thread else "note"


def _candidate(note: Note, similarity: float) -> Candidate:
    return Candidate(
        id=note.id,
        kind="note",
        origin=note.origin,
        similarity=similarity,
        state=note.state,
        trust=note.provenance.trust,
        texts=(note.text,),
        voice=str(note.id) if note.state == "active" else None,
    )
