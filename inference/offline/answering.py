"""Answering by rule: the nearest quotes, in order, and nothing of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import orjson
from pydantic import JsonValue

from inference.offline import comparing, filling
from inference.offline.evidence import Quote
from inference.offline.figures import Figure, functions
from inference.offline.wording import LABELLED, is_section, is_title, labelled, nearness, words

MOST_QUOTES = 8
MOST_RETURNED = 6
MOST_TABLES = 8
MOST_SOURCES = 7
"""Paragraphs that say where values stand; the last one takes what is left."""
_TABLES = (".csv", ".tsv", ".jsonl", ".ndjson")
NOTHING = "No passage of the given files is near the question."

NOT_COMPUTED = "The question asks for a number from a table, in a way that these rules cannot compute."

MORE_DIFFERS = "These are the first lines that differ, and there may be more."

Finding = Mapping[str, Any]


class _Gathered:
    """The findings block: quotes to show, figures, and lines that are not shown as quotes.

    Attributes:
        heads: by table, the id of the line that names its columns.
        labelled: lines that name a value, which only a schema's fields ask for.
        sections: headings, by file and line.
        headings: by file, its title or the names of its columns, which say what its quotes are about.
    """

    def __init__(self, blocks: Mapping[str, JsonValue]) -> None:
        given = cast(dict[str, Any], blocks.get("findings") or {})
        self.goal = str(blocks.get("goal", ""))
        said = cast(list[dict[str, Any]], blocks.get("steering") or [])
        self.asked = " ".join([self.goal, *(str(each["text"]) for each in said if each["kind"] != "retract")])
        self.failed = bool(given.get("failed"))
        self.figures = [
            Figure(label=str(part["name"]), number=_plain(part["value"]), file=str(part.get("file") or ""))
            for part in given.get("figures", [])
        ]
        self.tables = {figure.file for figure in self.figures}
        self.heads: dict[str, str] = {}
        self.headings: dict[str, str] = {}
        self.findings: list[Finding] = []
        self.labelled: list[Finding] = []
        self.sections: dict[tuple[str, int], str] = {}
        for finding in cast(list[Finding], given.get("findings", [])):
            file = str(finding["file"])
            is_head = file in self.tables and finding["line"] == 1
            if is_head:
                self.heads.setdefault(file, str(finding["id"]))
            if is_head or is_title(finding["line"], finding["quote"]):
                self.headings.setdefault(file, str(finding["quote"]))
            if is_section(finding["quote"]):
                self.sections[file, int(finding["line"])] = str(finding["quote"]).strip("# ")
            if not is_head and finding.get("relevance") == LABELLED:
                self.labelled.append(finding)
            elif not is_head and finding.get("relevance") != 0:
                self.findings.append(finding)

    def quote(self, finding: Finding) -> Quote:
        file = str(finding["file"])
        heading = self.headings.get(file, "")
        return Quote(id=str(finding["id"]), file=file, text=str(finding["quote"]), heading=heading)

    def said(self, finding: Finding) -> str:
        """A quote on one line, behind the heading right above it."""
        file, line = str(finding["file"]), int(finding["line"])
        above = next(
            (self.sections[file, near] for near in (line - 1, line - 2) if (file, near) in self.sections), ""
        )
        return f"{above}: {_one_line(finding['quote'])}" if above else _one_line(finding["quote"])

    def ranked(self, most: int) -> list[Finding]:
        """The findings nearest to the goal; one file does not crowd the others out."""
        asked = words(self.asked)
        scored = sorted(
            self.findings,
            key=lambda finding: -(nearness(asked, finding["quote"]) + float(finding.get("relevance", 0.5))),
        )
        first = {finding["file"]: finding for finding in reversed(scored)}
        leading = [finding for finding in scored if first[finding["file"]] is finding]
        rest = [finding for finding in scored if first[finding["file"]] is not finding]
        return [*leading, *rest][:most]


def answer(blocks: Mapping[str, JsonValue], schema: Mapping[str, Any]) -> JsonValue:
    """Paragraphs of quotes and figures; where the user asked for a schema, what they give of it."""
    gathered = _Gathered(blocks)
    ranked = gathered.ranked(MOST_QUOTES)
    uncomputed = _asks_of_tables(gathered, ranked) and not gathered.figures
    paragraphs = [_paragraph(NOT_COMPUTED)] if uncomputed else list(_computed(gathered))
    paragraphs += [
        _paragraph(f"{finding['file']}: {gathered.said(finding)}", str(finding["id"])) for finding in ranked
    ]
    cut = _compared_in_part(gathered)
    paragraphs += [_paragraph(MORE_DIFFERS)] if cut else []
    lacking = cut or uncomputed or gathered.failed or len(gathered.tables) > MOST_TABLES
    complete = bool(paragraphs) and not lacking
    reply: dict[str, JsonValue] = {"paragraphs": paragraphs or [_paragraph(NOTHING)], "complete": complete}
    wanted = schema["properties"].get("output")
    if wanted is not None:
        quotes = [
            gathered.quote(finding)
            for finding in [*ranked, *gathered.labelled]
            if labelled(finding["quote"]) or not is_title(finding["line"], finding["quote"])
        ]
        output = filling.fill(wanted, gathered.goal, quotes, gathered.figures)
        reply |= {
            "output": output.value,
            "paragraphs": [*paragraphs, *_sources(output, gathered.heads), *_gaps(output.gaps)]
            or [_paragraph(NOTHING)],
            "complete": complete and not output.gaps,
        }
    return reply


def _asks_of_tables(gathered: _Gathered, ranked: Sequence[Finding]) -> bool:
    """Whether a number is asked for, of a table that is named or that is nearest to the question."""
    goal = gathered.goal.lower()
    nearest = str(ranked[0]["file"]) if ranked else ""
    return bool(functions(goal)) and (
        nearest.lower().endswith(_TABLES) or any(f"{ending} " in f"{goal} " for ending in _TABLES)
    )


def _compared_in_part(gathered: _Gathered) -> bool:
    paths = list(dict.fromkeys(str(finding["file"]) for finding in gathered.findings))
    return len(gathered.findings) >= MOST_QUOTES and bool(comparing.compared(gathered.goal, paths))


def _computed(gathered: _Gathered) -> Iterator[JsonValue]:
    """The figures of each table in one paragraph, which cites the line that names the table's columns."""
    by_file: dict[str, list[Figure]] = {}
    for figure in gathered.figures:
        by_file.setdefault(figure.file, []).append(figure)
    for file, figures in list(by_file.items())[:MOST_TABLES]:
        said = "; ".join(f"{figure.label} = {figure.number:,}" for figure in figures)
        head = gathered.heads.get(file)
        yield _paragraph(f"Computed from {file or 'what was read'}: {said}", *([head] if head else []))


def _sources(output: filling.Output, heads: Mapping[str, str]) -> Iterator[JsonValue]:
    """Where each value of the output stands."""
    said = [f"{part.path} = {orjson.dumps(part.value).decode()}, from {part.file}" for part in output.sources]
    cites = [part.quote or heads.get(part.file, "") for part in output.sources]
    alone = len(said) if len(said) <= MOST_SOURCES else MOST_SOURCES - 1
    for text, cite in zip(said[:alone], cites[:alone], strict=True):
        yield _paragraph(text, *([cite] if cite else []))
    if said[alone:]:
        yield _paragraph("; ".join(said[alone:]), *dict.fromkeys(filter(None, cites[alone:])))


def _gaps(gaps: Sequence[filling.Gap]) -> Iterator[JsonValue]:
    if gaps:
        yield _paragraph(
            "Not found: " + "; ".join(f"{gap.path or 'the output'} ({gap.why})" for gap in gaps) + "."
        )


def _paragraph(text: str, *cites: str) -> JsonValue:
    return {"text": text[:4000], "cites": list(cites)}


def select(blocks: Mapping[str, JsonValue]) -> JsonValue:
    gathered = _Gathered(blocks)
    ranked = gathered.ranked(MOST_RETURNED)
    cites: list[JsonValue] = [*(finding["id"] for finding in ranked), *list(gathered.heads.values())[:2]]
    return {"status": "found" if cites or gathered.figures else "not_found", "cites": cites}


def _plain(number: float) -> int | float:
    return int(number) if float(number).is_integer() else number


def _one_line(quote: str) -> str:
    return " ".join(quote.split())
