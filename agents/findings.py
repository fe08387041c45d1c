"""What a worker returns unless its parent asks for something else, and how a parent reads it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from agents.ports import ChildReturn

STATUSES = frozenset({"found", "partial", "not_found"})

_FIGURE_NAME = r"^[A-Za-z0-9_.:/-]{1,64}$"


def schema(paths: Sequence[str]) -> dict[str, JsonValue]:
    """JSON Schema (2020-12) of a worker's return; it may only name the files it was given.

    Quotes are proven by the gate, figures are numbers; `summary` crosses as an artifact's handle.
    """
    file: dict[str, JsonValue] = {"type": "string", "maxLength": 1024, "x-treehold": "file"}
    if paths:
        file = {"enum": [*paths]}
    quote: dict[str, JsonValue] = {
        "type": "string",
        "minLength": 1,
        "maxLength": 600,
        "x-treehold": "quote",
    }
    finding = _object(
        {
            "file": file,
            "line": {"type": "integer", "minimum": 1},
            "quote": quote,
            "relevance": {"type": "number", "minimum": 0, "maximum": 1},
        },
        "file",
        "line",
        "quote",
    )
    name: dict[str, JsonValue] = {"type": "string", "pattern": _FIGURE_NAME, "x-treehold": "id"}
    figure = _object({"name": name, "value": {"type": "number"}, "file": file}, "name", "value")
    return _object(
        {
            "status": {"enum": ["found", "partial", "not_found"]},
            "findings": {"type": "array", "maxItems": 8, "items": finding},
            "figures": {"type": "array", "maxItems": 16, "items": figure},
            "summary": {"type": "string", "maxLength": 2000},
        },
        "status",
        "findings",
    )


def _object(properties: dict[str, JsonValue], *required: str) -> dict[str, JsonValue]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [*required],
        "properties": properties,
    }


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Finding(_Part):
    """`id` is how a prompt names it, such as `c1`."""

    id: str = ""
    file: str
    line: int
    quote: str
    relevance: float = 0.5


class Figure(_Part):
    name: str
    value: float
    file: str | None = None


class Findings(_Part):
    status: Literal["found", "partial", "not_found"]
    findings: tuple[Finding, ...] = ()
    figures: tuple[Figure, ...] = ()


class Gathered(BaseModel):
    """What all children brought, numbered; a quote that several brought counts once."""

    model_config = ConfigDict(frozen=True)

    findings: tuple[Finding, ...]
    figures: tuple[Figure, ...]
    failed: tuple[str, ...] = Field(description="Keys of the children that brought nothing.")


def gather(children: Iterable[ChildReturn], *, most: int = 48) -> Gathered:
    """Join the returns of children that kept to `schema`; the most relevant come first."""
    found: dict[tuple[str, int, str], Finding] = {}
    figures: dict[Figure, None] = {}
    failed: list[str] = []
    for child in children:
        if child.status != "done":
            failed.append(child.key)
            continue
        part = Findings.model_validate(child.returned)
        for finding in part.findings:
            found.setdefault((finding.file, finding.line, finding.quote), finding)
        figures.update(dict.fromkeys(part.figures))
    ranked = sorted(found.values(), key=lambda finding: -finding.relevance)[:most]
    return Gathered(
        findings=tuple(
            finding.model_copy(update={"id": f"c{number}"}) for number, finding in enumerate(ranked, 1)
        ),
        figures=tuple(figures)[:most],
        failed=tuple(failed),
    )
