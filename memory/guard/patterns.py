"""Deterministic text checks: phrases that address a model instead of describing work, and secrets."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from core.text import printable

INSTRUCTION_LIMIT = 1.0
"""From this score on a text counts as orders: one unmistakable phrase, or several doubtful ones."""

_UNMISTAKABLE = 1.0
_DOUBTFUL = 0.5
_COMMON = 0.25
"""Also found in honest manuals; it takes company to matter."""

# Every repetition is bounded, so that no text makes a search slow.
_INSTRUCTIONS: tuple[tuple[float, re.Pattern[str]], ...] = tuple(
    (weight, re.compile(pattern, re.IGNORECASE | re.MULTILINE))
    for weight, pattern in (
        (
            _UNMISTAKABLE,
            r"\b(ignore|disregard|forget|override|bypass)\b.{0,40}\b(previous|prior|above|earlier|all|any|your|"
            r"system|safety)\b.{0,30}\b(instructions?|prompts?|rules?|guidelines?|polic(y|ies)|checks?)\b",
        ),
        (
            _UNMISTAKABLE,
            r"<\|?/?(im_start|im_end|system|assistant|endoftext|eot_id|start_header_id)\|?>|\[/?INST\]",
        ),
        (
            _UNMISTAKABLE,
            r"\b(reveal|print|repeat|leak|expose)\b.{0,30}"
            r"\b(system prompts?|your (prompt|instructions)|credentials)\b",
        ),
        (
            _UNMISTAKABLE,
            r"\b(do not|don't|never)\b.{0,20}\b(tell|inform|mention|alert|notify)\b.{0,30}"
            r"\b(users?|humans?|owner|anyone|operator)\b",
        ),
        (_UNMISTAKABLE, r"\b(you are now|from now on,? you|act as if you|pretend (to be|you are))\b"),
        (_UNMISTAKABLE, r"\b(new|updated|real|actual) (system )?(instructions?|orders?|directives?)\b\s?:"),
        (
            _UNMISTAKABLE,
            r"\btake the opposite of\b|\bthe opposite of the (usual|correct|right) (action|answer)\b",
        ),
        (_DOUBTFUL, r"^[ \t]{0,8}(system|assistant|developer)[ \t]?:"),
        (
            _DOUBTFUL,
            r"\b(send|post|upload|forward|transmit|email|exfiltrate|transfer)\b.{0,60}"
            r"(https?://|[^\s@]{1,64}@[^\s@]{1,64}\.\w|\baccount\b|\bwallet\b)",
        ),
        (_DOUBTFUL, r"\b(agents?|assistants?|ai) (must|should|shall|has to|have to)\b"),
        (
            _DOUBTFUL,
            r"\bwhen(ever)? (an? )?(agent|assistant|model|you are asked)\b.{0,80}"
            r"\b(call|run|use|open|delete)\b",
        ),
        (
            _DOUBTFUL,
            r"\b(delete|drop|wipe|erase)\b.{0,30}\b(all|everything|database)\b.{0,40}"
            r"\b(now|instead|immediately)\b",
        ),
        (_COMMON, r"\b(always|never|must|should)\b.{0,40}\b(instead|before anything|no matter what)\b"),
        (
            _COMMON,
            r"\b(important|attention|urgent|warning)\b[:!].{0,80}\b(you|agents?|assistants?|models?)\b",
        ),
        (_COMMON, r"\byou (must|should|have to|shall)\b"),
        (_COMMON, r"\bif (you are )?asked\b.{0,80}\b(call|run|use|execute|open|delete|answer)\b"),
    )
)

_SECRETS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "private_key",
        re.compile(
            r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(-----END [A-Z ]{0,40}PRIVATE KEY-----|\Z)", re.DOTALL
        ),
    ),
    ("token", re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}")),
    ("token", re.compile(r"\b(gh[pousr]_\w{20,}|github_pat_\w{20,}|xox[abprs]-[\w-]{10,}|glpat-[\w-]{16,})")),
    ("api_key", re.compile(r"\b(sk|pk|rk)[-_](live|test|proj|ant)?[-_]?[A-Za-z0-9_-]{20,}")),
    ("api_key", re.compile(r"\b(AKIA|ASIA)[A-Z0-9]{16}\b|\bAIza[\w-]{30,}")),
    ("password", re.compile(r"(?i)\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@]{1,100}:[^\s/@]{1,200}@")),
    ("token", re.compile(r"(?i)\bbearer\s{1,4}[\w.~+/-]{16,}=*")),
    (
        "password",
        re.compile(
            r"(?i)\b(password|passwd|pwd|secret|api[_-]?key|access[_-]?token)\b\s{0,4}[:=]\s{0,4}[\"']?"
            r"[^\s\"',;]{6,}"
        ),
    ),
)


@lru_cache(maxsize=4096)
def instruction_score(text: str) -> float:
    """How much a text reads like orders to a model: 0 for plain prose, `INSTRUCTION_LIMIT` for orders."""
    seen = printable(text) if text.isascii() else unicodedata.normalize("NFKC", printable(text))
    plain = " ".join(seen.split())
    forms = (plain,) if plain == seen else (plain, seen)
    return sum(weight for weight, pattern in _INSTRUCTIONS if any(pattern.search(form) for form in forms))


def without_secrets(text: str) -> tuple[str, tuple[str, ...]]:
    """The text with secrets replaced by their kind, and the kinds that were found."""
    found: list[str] = []
    for kind, pattern in _SECRETS:
        text, count = pattern.subn(f"[{kind} removed]", text)
        found += [kind] * bool(count)
    return text, tuple(dict.fromkeys(found))
