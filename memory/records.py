"""Records of every kind: episodes, insights and notes, read by their ids and shown to the guard."""

from __future__ import annotations

from collections.abc import Collection as Group
from collections.abc import Mapping, Sequence
from uuid import UUID

from core.database import UnitOfWork
from memory.guard.model import Candidate, RecordKind
from memory.insight_graph import repository as graph
from memory.insight_graph.model import Episode, Insight
from memory.notes import Note
from memory.notes import repository as notes

Record = Episode | Insight | Note


def kind_of(record: Record) -> RecordKind:
    match record:
        case Episode():
            return "episode"
        case Insight():
            return "insight"
        case Note():
            return "note"


async def read(
    work: UnitOfWork, ids: Mapping[RecordKind, Sequence[UUID]], scopes: Group[str]
) -> list[Record]:
    """Those of the records that are there, lie in these scopes and are not retired, in any order."""
    found: list[Record] = []
    if wanted := ids.get("episode"):
        found += await graph.episodes(work, wanted, scopes)
    if wanted := ids.get("insight"):
        found += await graph.insights(work, wanted, scopes)
    if wanted := ids.get("note"):
        found += await notes.notes(work, wanted, scopes)
    return [record for record in found if record.state != "retired"]


def candidate_of(record: Record, similarity: float) -> Candidate:
    """As the read guard sees it."""
    match record:
        case Episode():
            texts = (record.goal, *(step.title for step in record.steps), record.conclusion or "")
            return _candidate(record, "episode", record.origin, texts, similarity)
        case Insight():
            return _candidate(record, "insight", ", ".join(record.origins), (record.about, record.text), similarity)
        case Note():
            return _candidate(record, "note", record.origin, (record.text,), similarity)
