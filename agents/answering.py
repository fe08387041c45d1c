"""Answers: a model picks and words, code puts in the quotes, the citations and what was left out."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import orjson
from pydantic import JsonValue

from agents import findings, prompt
from agents.answer import Answer, Citation
from agents.brief import InputFile
from agents.findings import Failed, Finding, Gathered, Value
from agents.ports import ReturnRefused, Turn
from agents.structure import empty_fields, or_null
from core.blocks import block
from core.errors import AgentFailed, BudgetExhausted, BudgetLimit
from core.provenance import Trust
from core.schema import for_node
from core.text import clipped, printable
from inference.model import Message, ModelRequest

_ANSWER = "Give the ANSWER now, as JSON, from these findings alone."
_OUTPUT = (
    ' Fill "output" from the findings too, and with nothing else. What they do not give is null or left out, '
    'and "complete" is false. If a field must be there and they do not give it, "output" is null, and your '
    "last paragraph, without cites, says which field. It must fit this JSON Schema:\n{schema}"
)
ANSWER_TOKENS = 2048
_PLACE = re.compile(r"\{(v\d{1,3})\}")
_SELECT = "SELECT now, as JSON, the findings that matter for the question."


@dataclass(frozen=True, kw_only=True)
class Material:
    """What an answer is made of: the returns of the children, and what is known beside them.

    Attributes:
        gathered: the returns, joined.
        inputs: the files that were there, with the pages of PDFs.
        notes: what was left out before the plan was made.
        noun: what the children are called in the answer.
    """

    gathered: Gathered
    inputs: Sequence[InputFile]
    notes: Sequence[str]
    noun: Literal["workers", "agents"]


def gathered_block(gathered: Gathered) -> str:
    return block(
        "findings",
        {
            "findings": [finding.model_dump(mode="json") for finding in gathered.findings],
            "figures": [figure.model_dump(mode="json") for figure in gathered.figures],
            **({"values": [_as_told(value) for value in gathered.values]} if gathered.values else {}),
            "failed": [child.model_dump(mode="json", include={"title", "code"}) for child in gathered.failed],
        },
        Trust.UNTRUSTED,
    )


def _as_told(value: Value) -> JsonValue:
    return {"id": value.id, "name": value.name, "characters": value.text.characters}


def _cites(gathered: Gathered) -> dict[str, JsonValue]:
    ids: list[JsonValue] = [finding.id for finding in gathered.findings]
    items: dict[str, JsonValue] = {"enum": ids} if ids else {"const": ""}
    return {"type": "array", "items": items, "maxItems": len(ids)}


def _answer_schema(gathered: Gathered, output: dict[str, JsonValue] | None) -> dict[str, JsonValue]:
    paragraph: dict[str, JsonValue] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["text", "cites"],
        "properties": {"text": {"type": "string", "maxLength": 4000}, "cites": _cites(gathered)},
    }
    properties: dict[str, JsonValue] = {
        "paragraphs": {"type": "array", "minItems": 1, "maxItems": 24, "items": paragraph},
        "complete": {"type": "boolean"},
    }
    if output is not None:
        properties["output"] = or_null(for_node(output))
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


async def answer(turn: Turn, messages: Sequence[Message], given: Material) -> tuple[Answer, list[Message]]:
    """The root's answer, and what was said for it after `messages`.

    Raises:
        ModelError: the model gives none that fits.
        BudgetExhausted: every child was cut short before it had anything, and an output was asked for.
        AgentFailed: the findings do not give what the user's schema requires.
    """
    gathered, wanted = given.gathered, turn.agent.brief.output_schema
    if gathered.all_cut:
        return _cut_short(given, wanted), []
    asked = _ANSWER
    if wanted is not None:
        asked += _OUTPUT.format(schema=orjson.dumps(for_node(wanted)).decode())
    question = Message(role="user", content=f"{gathered_block(gathered)}\n\n{asked}")
    reply = await turn.model(
        ModelRequest(
            kind="answer",
            messages=(*messages, question),
            output_schema=_answer_schema(gathered, wanted),
            output_name="answer",
            max_tokens=ANSWER_TOKENS,
            metadata=prompt.stamp("lead"),
        )
    )
    said = cast(dict[str, Any], reply.output)
    texts = await _placed(turn, [str(part["text"]) for part in said["paragraphs"]], gathered)
    paragraphs = [
        (text, [str(cite) for cite in part["cites"]])
        for text, part in zip(texts, said["paragraphs"], strict=True)
    ]
    output = said.get("output")
    if wanted is not None and output is None:
        raise _unfilled(paragraphs, gathered)
    answered = _assemble(
        paragraphs,
        given,
        [] if wanted is None else _empty_notes(wanted, output),
        output=output,
        partial=not said["complete"] or bool(gathered.failed or gathered.shortened),
        limit=gathered.limit,
    )
    return answered, [question, Message(role="assistant", content=reply.content)]


async def _placed(turn: Turn, texts: Sequence[str], gathered: Gathered) -> list[str]:
    """The paragraphs with the values in their places: `{v1}` is what the tool brought, in quotation marks."""
    values = {value.id: value.text.artifact for value in gathered.values}
    named = {name for text in texts for name in _PLACE.findall(text) if name in values}
    held = {name: f"“{printable(await turn.text_of(values[name])).strip()}”" for name in sorted(named)}
    return [_PLACE.sub(lambda place: held.get(place[1], place[0]), text) for text in texts]


def partial(given: Material, exhausted: BudgetExhausted) -> Answer:
    """The best that can be said once the grant is spent: the findings themselves, in code's own order."""
    paragraphs = [(finding.quote, [finding.id]) for finding in given.gathered.findings[:12]]
    why = f"the {exhausted.limit} limit was reached before an answer could be written"
    why += "; these are the findings" if paragraphs else ""
    text = paragraphs or [(f"{why[0].upper()}{why[1:]}.", [])]
    return _assemble(text, given, [why], output=None, partial=True, limit=exhausted.limit)


def _cut_short(given: Material, wanted: Mapping[str, Any] | None) -> Answer:
    """No model is asked to answer from nothing."""
    told = f"{_ran_out(given)} before they returned anything"
    if wanted is not None:
        raise BudgetExhausted(given.gathered.limit or "tokens", told)
    text = f"{told[0].upper()}{told[1:]}."
    return _assemble([(text, [])], given, (), output=None, partial=True, limit=given.gathered.limit)


def _unfilled(
    paragraphs: Sequence[tuple[str, list[str]]], gathered: Gathered
) -> AgentFailed | BudgetExhausted:
    last, cites = paragraphs[-1]
    told = "" if cites else f" {clipped(printable(last), 500)}"
    message = f"the findings do not give what the schema requires.{told} Let it allow null where that will do"
    if gathered.limit is not None:
        return BudgetExhausted(gathered.limit, message)
    return AgentFailed(message, code="output_not_found")


def _empty_notes(wanted: Mapping[str, Any], output: JsonValue) -> list[str]:
    empty = empty_fields(wanted, output)
    return [f"empty in the output: {', '.join(empty)}"] if empty else []


def _assemble(
    paragraphs: Sequence[tuple[str, list[str]]],
    given: Material,
    notes: Sequence[str],
    *,
    output: JsonValue,
    partial: bool,
    limit: BudgetLimit | None,
) -> Answer:
    by_id = {finding.id: finding for finding in given.gathered.findings}
    numbers: dict[str, int] = {}
    texts: list[str] = []
    for text, cites in paragraphs:
        marks = [
            f"[{numbers.setdefault(cite, len(numbers) + 1)}]"
            for cite in dict.fromkeys(cites)
            if cite in by_id
        ]
        texts.append(" ".join([text.strip(), "".join(marks)]).strip())
    return Answer(
        text="\n\n".join(texts),
        citations=tuple(_citation(by_id[cite], given.inputs) for cite in numbers),
        output=output,
        partial=partial,
        notes=(*given.notes, *notes, *_left_out(given)),
        limit=limit,
    )


def _citation(finding: Finding, inputs: Sequence[InputFile]) -> Citation:
    pages = next((file.pages for file in inputs if file.path == finding.file), ())
    page = bisect_right(pages, finding.line) or None
    return Citation(file=finding.file, line=finding.line, quote=finding.quote, page=page)


def _left_out(given: Material) -> Iterator[str]:
    gathered = given.gathered
    if gathered.cut:
        yield f"{_ran_out(given)}: {_titles(gathered.cut)}"
    if gathered.shortened:
        limits = ", ".join(sorted({child.limit for child in gathered.shortened if child.limit}))
        count = f"{len(gathered.shortened)} of {gathered.children} {given.noun}"
        titles = _titles(gathered.shortened)
        yield f"a limit ({limits}) cut short {count}, and only what they had is here: {titles}"
    rest = [child for child in gathered.failed if child not in gathered.cut]
    if rest:
        count = f"{len(rest)} of {gathered.children} {given.noun}"
        yield f"{count} returned nothing usable: {_titles(rest, codes=True)}"
    for noun, kept, left in (
        ("findings", len(gathered.findings), gathered.findings_left_out),
        ("computed values", len(gathered.figures), gathered.figures_left_out),
    ):
        if left:
            yield f"{kept} of {kept + left} {noun} shown"


def _ran_out(given: Material) -> str:
    return f"the budget ran out in {len(given.gathered.cut)} of {given.gathered.children} {given.noun}"


def _titles(children: Sequence[Failed], *, codes: bool = False) -> str:
    return ", ".join(f"{child.title} ({child.code})" if codes else child.title for child in children)


async def select(turn: Turn, messages: Sequence[Message], gathered: Gathered) -> list[Message]:
    """A lead below the root returns the findings that matter, and shows them to the gate like anyone.

    Returns:
        What was said for it after `messages`.

    Raises:
        BudgetExhausted: every child was cut short before it had anything.
    """
    if gathered.all_cut:
        raise BudgetExhausted(gathered.limit or "tokens", "the budget ran out in all of its children")
    if gathered.limit is not None:
        turn.cut_short(BudgetExhausted(gathered.limit, "the budget ran out in some of its children"))
    question = Message(role="user", content=f"{gathered_block(gathered)}\n\n{_SELECT}")
    said, reply = await _selected(turn, [*messages, question], gathered)
    offered = await turn.offer(orjson.dumps(_selection(said, gathered)).decode())
    if isinstance(offered, ReturnRefused):
        raise AgentFailed(f"its return was refused: {offered.code}", code="gate_refused")
    return [] if reply is None else [question, Message(role="assistant", content=reply)]


async def _selected(
    turn: Turn, messages: Sequence[Message], gathered: Gathered
) -> tuple[Mapping[str, Any], str | None]:
    """The model's choice, and its words; the most relevant where there is nothing left to ask it with."""
    request = ModelRequest(
        kind="select",
        messages=tuple(messages),
        output_schema={
            "type": "object",
            "additionalProperties": False,
            "required": ["status", "cites"],
            "properties": {
                "status": {"enum": ["found", "partial", "not_found"]},
                "cites": _cites(gathered),
            },
        },
        output_name="selection",
        metadata=prompt.stamp("lead"),
    )
    try:
        reply = await turn.model(request)
    except BudgetExhausted as exhausted:
        if not gathered.findings and not gathered.figures:
            raise
        turn.cut_short(exhausted)
        return {"status": "partial", "cites": [finding.id for finding in gathered.findings]}, None
    return cast(dict[str, Any], reply.output), reply.content


def _selection(said: Mapping[str, Any], gathered: Gathered) -> dict[str, JsonValue]:
    by_id = {finding.id: finding for finding in gathered.findings}
    cited = [by_id[cite] for cite in dict.fromkeys(said["cites"]) if cite in by_id]
    chosen, figures = cited[: findings.MOST_FINDINGS], gathered.figures[: findings.MOST_FIGURES]
    incomplete = bool(gathered.failed or gathered.shortened)
    returned: dict[str, JsonValue] = {
        "status": "partial" if incomplete and said["status"] == "found" else said["status"],
        "findings": [finding.model_dump(mode="json", exclude={"id"}) for finding in chosen],
        "figures": [figure.model_dump(mode="json", exclude_none=True) for figure in figures],
    }
    if gathered.values:
        values = gathered.values[: findings.MOST_VALUES]
        returned["values"] = [value.model_dump(mode="json", exclude={"id"}) for value in values]
    left_out = gathered.figures_left_out + len(gathered.figures) - len(figures)
    return returned | ({"figures_left_out": left_out} if left_out else {})
