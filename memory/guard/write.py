"""The write gate: what may become a memory, and in which state. Deterministic; no model is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.provenance import Trust
from core.text import clipped, printable
from memory.guard.model import RecordState
from memory.guard.patterns import INSTRUCTION_LIMIT, instruction_score, without_secrets

SECRET_CHARACTERS = 4_096
"""Read beyond a field's limit, so that a secret lying across it is seen whole."""


@dataclass(frozen=True, kw_only=True)
class WriteVerdict:
    """The texts as they may be stored, the state they enter in, and why."""

    state: RecordState
    texts: Mapping[str, str]
    reasons: tuple[str, ...]


def screen(texts: Mapping[str, str], *, trust: Trust, limits: Mapping[str, int]) -> WriteVerdict:
    """Sanitise a record's texts and decide its state.

    Secrets are taken out whatever the source. Texts that read like instructions, alone or taken
    together, quarantine the record: it is kept as evidence and never recalled. What an untrusted
    source had a part in enters as a candidate.

    Args:
        texts: the record's texts by field; `steps.3` stands for one of several.
        trust: of the record's least trusted source.
        limits: characters by field, or by the part of its name before the dot.
    """
    kept: dict[str, str] = {}
    reasons: list[str] = []
    for name, text in texts.items():
        field = name.partition(".")[0]
        clean, secrets = without_secrets(printable(text[: limits[field] + SECRET_CHARACTERS]))
        kept[name] = clipped(clean, limits[field])
        if len(clean) > limits[field]:
            reasons.append(f"clipped:{field}")
        reasons += [f"secret:{kind}" for kind in secrets]
        if instruction_score(kept[name]) >= INSTRUCTION_LIMIT:
            reasons.append(f"instruction_pattern:{field}")
    if instruction_score("\n".join(kept.values())) >= 2 * INSTRUCTION_LIMIT:
        reasons.append("instruction_pattern:record")
    return WriteVerdict(state=_state(reasons, trust), texts=kept, reasons=tuple(dict.fromkeys(reasons)))


def _state(reasons: list[str], trust: Trust) -> RecordState:
    if any(reason.startswith("instruction_pattern") for reason in reasons):
        return "quarantined"
    return "candidate" if trust == Trust.UNTRUSTED else "active"
