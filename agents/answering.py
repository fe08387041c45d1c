"""Answers: a model picks and words, code puts in the quotes and citations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import orjson
from pydantic import JsonValue

from agents import prompt
from agents.answer import Answer, Citation
from agents.findings import Finding, Gathered, gather
from agents.ports import ChildReturn, ReturnRefused, Turn
from agents.structure import for_node
from core.blocks import block
from core.errors import AgentFailed, BudgetExhausted
from core.provenance import Trust
from inference.model import Message, ModelRequest

__all__ = ["answer", "digest", "gather", "partial", "select"]

_ANSWER = "Give the ANSWER now, as JSON, from these findings alone."
_OUTPUT = ' Fill "output" from the findings too. It must fit this JSON Schema:\n{schema}'
_SELECT = "SELECT now, as JSON, the findings that matter for the question."


def digest(child: ChildReturn) -> JsonValue:
    """What the task tree keeps of a return: where it is, and how much it holds."""
    returned = child.returned if isinstance(child.returned, dict) else {}
    found = returned.get("findings")
    return {
        "agent": str(child.agent),
        "status": str(returned.get("status", child.status)),
        "findings": len(found) if isinstance(found, list) else 0,
        "error": child.error_code,
    }


def _gathered_block(gathered: Gathered) -> str:
    return block(
        "findings",
        {
            "findings": [finding.model_dump(mode="json") for finding in gathered.findings],
            "figures": [figure.model_dump(mode="json") for figure in gathered.figures],
            "failed": list(gathered.failed),
        },
        Trust.UNTRUSTED,
    )


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
        properties["output"] = for_node(output)
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(properties),
        "properties": properties,
    }


async def answer(turn: Turn, messages: Sequence[Message], gathered: Gathered, notes: Sequence[str]) -> Answer:
    """The root's answer. Raises `ModelError` when the model gives none that fits."""
    wanted = turn.agent.brief.output_schema
    asked = _ANSWER
    if wanted is not None:
        asked += _OUTPUT.format(schema=orjson.dumps(for_node(wanted)).decode())
    content = f"{_gathered_block(gathered)}\n\n{asked}"
    reply = await turn.model(
        ModelRequest(
            kind="answer",
            messages=(*messages, Message(role="user", content=content)),
            output_schema=_answer_schema(gathered, wanted),
            output_name="answer",
            max_tokens=2048,
            metadata=prompt.stamp("lead"),
        )
    )
    given = cast(dict[str, Any], reply.output)
    paragraphs = [(str(part["text"]), [str(cite) for cite in part["cites"]]) for part in given["paragraphs"]]
    return _assemble(paragraphs, gathered, notes, output=given.get("output"), partial=not given["complete"])


def partial(gathered: Gathered, notes: Sequence[str], exhausted: BudgetExhausted) -> Answer:
    """The best that can be said once the grant is spent: the findings themselves, in code's own order."""
    paragraphs = [(finding.quote, [finding.id]) for finding in gathered.findings[:12]]
    why = f"the {exhausted.limit} limit was reached before an answer could be written; these are the findings"
    return _assemble(paragraphs, gathered, [*notes, why], output=None, partial=True)


def _assemble(
    paragraphs: Sequence[tuple[str, list[str]]],
    gathered: Gathered,
    notes: Sequence[str],
    *,
    output: JsonValue,
    partial: bool,
) -> Answer:
    by_id = {finding.id: finding for finding in gathered.findings}
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
        citations=tuple(_citation(by_id[cite]) for cite in numbers),
        output=output,
        partial=partial,
        notes=(*notes, *_failures(gathered)),
    )


def _citation(finding: Finding) -> Citation:
    return Citation(file=finding.file, line=finding.line, quote=finding.quote)


def _failures(gathered: Gathered) -> list[str]:
    count = len(gathered.failed)
    return [f"{count} of the agents returned nothing usable: {', '.join(gathered.failed)}"] if count else []


async def select(turn: Turn, messages: Sequence[Message], gathered: Gathered) -> None:
    """A lead below the root returns the findings that matter, and shows them to the gate like anyone."""
    content = f"{_gathered_block(gathered)}\n\n{_SELECT}"
    reply = await turn.model(
        ModelRequest(
            kind="select",
            messages=(*messages, Message(role="user", content=content)),
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
    )
    given = cast(dict[str, Any], reply.output)
    by_id = {finding.id: finding for finding in gathered.findings}
    chosen = [by_id[cite] for cite in dict.fromkeys(given["cites"]) if cite in by_id][:8]
    offered = await turn.offer(
        orjson.dumps(
            {
                "status": given["status"],
                "findings": [finding.model_dump(mode="json", exclude={"id"}) for finding in chosen],
                "figures": [
                    figure.model_dump(mode="json", exclude_none=True) for figure in gathered.figures[:16]
                ],
            }
        ).decode()
    )
    if isinstance(offered, ReturnRefused):
        raise AgentFailed(f"its return was refused: {offered.code}", code="gate_refused")
