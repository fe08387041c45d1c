"""The memory guard: a deterministic gate on the way in, consensus of recorded actions on the way out."""

from memory.guard.model import (
    Abstained,
    Accepted,
    Action,
    Candidate,
    Doubt,
    HeldBack,
    HeldReason,
    RecordKind,
    RecordState,
    Verdict,
)
from memory.guard.read import QUORUM, review
from memory.guard.write import WriteVerdict, screen

__all__ = [
    "QUORUM",
    "Abstained",
    "Accepted",
    "Action",
    "Candidate",
    "Doubt",
    "HeldBack",
    "HeldReason",
    "RecordKind",
    "RecordState",
    "Verdict",
    "WriteVerdict",
    "review",
    "screen",
]
