"""What a worker returns unless its parent asks for something else, and how a parent reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, JsonValue

from agents.ports import ChildReturn
from core.errors import BudgetExhausted, BudgetLimit
from core.ids import ArtifactId
from core.schema import KEYWORD
from inference.estimate import text_tokens

STATUSES = frozenset({"found", "partial", "not_found"})

MOST_FINDINGS = 8
MOST_FIGURES = 32
"""Of one return."""

MOST_VALUES = 16
VALUE_CHARACTERS = 300

MOST_GATHERED = 48
"""Findings, figures and values each, of all children together."""
GATHERED_TOKENS = 6000
"""What the findings of all children may take of a lead's prompt."""

_FIGURE_NAME = r"^[A-Za-z0-9_.:/-]{1,64}$"


def schema(paths: Sequence[str], *, of_lead: bool = False) -> dict[str, JsonValue]:
    """JSON Schema (2020-12) of a child's return; it may only name the files it was given.

    Quotes are proven by the gate, figures are numbers; `summary` crosses as an artifact's handle. A child
    without files gives values instead: texts that its tools brought, proven by the gate, and crossing as
    handles. A lead has them as handles already.
    """
    file: dict[str, JsonValue] = {"type": "string", "maxLength": 1024, KEYWORD: "file"}
    if paths:
        file = {"enum": [*paths]}
    quote: dict[str, JsonValue] = {
        "type": "string",
        "minLength": 1,
        "maxLength": 600,
        KEYWORD: "quote",
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
    name: dict[str, JsonValue] = {"type": "string", "pattern": _FIGURE_NAME, KEYWORD: "id"}
    figure = _object({"name": name, "value": {"type": "number"}, "file": file}, "name", "value")
    text: dict[str, JsonValue] = {
        "type": "string",
        "minLength": 1,
        "maxLength": VALUE_CHARACTERS,
        KEYWORD: "excerpt",
    }
    if of_lead:
        artifact: dict[str, JsonValue] = {"type": "string", "format": "uuid"}
        characters: dict[str, JsonValue] = {"type": "integer", "minimum": 0}
        text = _object({"artifact": artifact, "characters": characters}, "artifact", "characters")
    value = _object({"name": name, "text": text}, "name", "text")
    values: dict[str, JsonValue] = {"type": "array", "maxItems": MOST_VALUES, "items": value}
    beside: dict[str, JsonValue] = {} if paths else {"values": values}
    return _object(
        {
            **beside,
            "status": {"enum": ["found", "partial", "not_found"]},
            "findings": {"type": "array", "maxItems": MOST_FINDINGS, "items": finding},
            "figures": {"type": "array", "maxItems": MOST_FIGURES, "items": figure},
            "figures_left_out": {"type": "integer", "minimum": 0},
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


class Text(_Part):
    """A handle."""

    artifact: ArtifactId
    characters: int


class Value(_Part):
    """A text that a tool brought. A prompt has its `id`, such as `v1`, and none of its characters."""

    id: str = ""
    name: str
    text: Text


class Findings(_Part):
    status: Literal["found", "partial", "not_found"]
    findings: tuple[Finding, ...] = ()
    figures: tuple[Figure, ...] = ()
    figures_left_out: int = 0
    values: tuple[Value, ...] = ()


class Failed(_Part):
    """A child that brought nothing, or not all; `limit` is set where a grant ran out."""

    title: str
    code: str
    limit: BudgetLimit | None = None


class Gathered(BaseModel):
    """What all children brought, numbered; a quote that several brought counts once."""

    model_config = ConfigDict(frozen=True)

    findings: tuple[Finding, ...]
    figures: tuple[Figure, ...]
    values: tuple[Value, ...] = ()
    failed: tuple[Failed, ...]
    shortened: tuple[Failed, ...] = ()
    """The children that a limit cut short, and that returned what they had by then."""
    children: int
    findings_left_out: int = 0
    figures_left_out: int = 0

    @property
    def cut(self) -> tuple[Failed, ...]:
        """The children whose grant ran out."""
        return tuple(child for child in self.failed if child.code == BudgetExhausted.code)

    @property
    def limit(self) -> BudgetLimit | None:
        return next((child.limit for child in (*self.cut, *self.shortened) if child.limit), None)

    @property
    def all_cut(self) -> bool:
        return self.children > 0 and len(self.cut) == self.children


def gather(children: Iterable[ChildReturn], titles: Mapping[str, str]) -> Gathered:
    """Join the returns of children that kept to `schema`; the most relevant come first.

    Args:
        children: that have ended.
        titles: what they were asked to do, by their keys.
    """
    count = 0
    found: dict[tuple[str, int, str], Finding] = {}
    figures: dict[Figure, None] = {}
    values: list[Value] = []
    figures_left_out = 0
    failed: list[Failed] = []
    shortened: list[Failed] = []
    for child in children:
        count += 1
        title = titles.get(child.key, child.key)
        if child.status != "done":
            failed.append(Failed(title=title, code=child.error_code or child.status, limit=child.limit))
            continue
        if child.limit is not None:
            shortened.append(Failed(title=title, code=BudgetExhausted.code, limit=child.limit))
        part = Findings.model_validate(child.returned)
        for finding in part.findings:
            found.setdefault((finding.file, finding.line, finding.quote), finding)
        figures.update(dict.fromkeys(part.figures))
        values += part.values
        figures_left_out += part.figures_left_out
    ranked = _fitting(sorted(found.values(), key=lambda finding: -finding.relevance))
    kept = tuple(figures)[:MOST_GATHERED]
    return Gathered(
        findings=tuple(
            finding.model_copy(update={"id": f"c{number}"}) for number, finding in enumerate(ranked, 1)
        ),
        figures=kept,
        values=tuple(
            value.model_copy(update={"id": f"v{number}"})
            for number, value in enumerate(values[:MOST_GATHERED], 1)
        ),
        failed=tuple(failed),
        shortened=tuple(shortened),
        children=count,
        findings_left_out=len(found) - len(ranked),
        figures_left_out=figures_left_out + len(figures) - len(kept),
    )


def _fitting(ranked: Sequence[Finding]) -> Sequence[Finding]:
    """As many of them, from the first on, as a lead's prompt has room for."""
    room = GATHERED_TOKENS
    for index, finding in enumerate(ranked[:MOST_GATHERED]):
        room -= text_tokens(finding.model_dump_json())
        if room < 0:
            return ranked[:index]
    return ranked[:MOST_GATHERED]
