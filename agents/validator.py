"""The validator: one model call about a command of an agent that has read what anyone may have written.

It sees the user's words, the tool's documentation, and names and arguments of calls: never what a tool
brought back, and of the arguments no text that the user did not write, so that nothing a stranger wrote can
speak to it. What it cannot decide is denied.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from agents import prompt
from agents.brief import Brief
from core.blocks import block
from core.provenance import Trust
from core.strict_json import NotStrictJson, decode
from inference.model import Message, ModelReply, ModelRequest, ToolCall
from tools.contract import ToolSpec
from tools.taint import TaintCheck

POLICY = 1
"""Rises with every change of what is asked, so that no verdict outlives the rules it was made by."""

REPLY_TOKENS = 128
MOST_HISTORY = 50

_PLAIN = re.compile(r"[A-Za-z0-9_]{1,40}")

ReasonCode = Literal["needed", "not_asked_for", "wrong_values", "harmful", "unclear", "unavailable"]

_SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["decision", "reason_code"],
    "properties": {
        "decision": {"enum": ["allow", "deny"]},
        "reason_code": {"enum": ["needed", "not_asked_for", "wrong_values", "harmful", "unclear"]},
    },
}


class Verdict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    decision: Literal["allow", "deny"]
    reason_code: ReasonCode

    @property
    def allowed(self) -> bool:
        return self.decision == "allow"


UNAVAILABLE = Verdict(decision="deny", reason_code="unavailable")
"""What stands where the model gave no verdict."""


def request(brief: Brief, spec: ToolSpec, call: ToolCall, history: Sequence[ToolCall]) -> ModelRequest:
    """What the validator is asked.

    Args:
        brief: of the agent that wants to make the call.
        spec: of the tool.
        call: the attempt.
        history: the agent's earlier calls.
    """
    parameters: JsonValue = {"name": spec.name, "does": spec.description, "arguments": spec.parameters}
    earlier: list[JsonValue] = [_made(brief, each) for each in history[-MOST_HISTORY:]]
    material = "\n".join(
        [
            block("words", [*brief.users_words], Trust.USER),
            block("tool", parameters, Trust.OPERATOR),
            block("history", earlier, Trust.UNTRUSTED),
            block("call", _made(brief, call), Trust.UNTRUSTED),
        ]
    )
    asked = f"{material}\n\nGive the verdict now, as JSON."
    return ModelRequest(
        kind="validate",
        messages=(prompt.system("validator"), Message(role="user", content=asked)),
        output_schema=_SCHEMA,
        output_name="verdict",
        max_tokens=REPLY_TOKENS,
        metadata=prompt.stamp("validator"),
    )


def read(reply: ModelReply) -> Verdict:
    """The verdict; what is none, is a denial. The reason of an allowed call says nothing and may be any."""
    try:
        return Verdict.model_validate(reply.output)
    except ValidationError:
        return UNAVAILABLE


def key(brief: Brief, spec: ToolSpec, call: ToolCall) -> bytes:
    """Tells calls apart that may have different verdicts: the user's words, the tool, and its arguments."""
    known = [POLICY, [*brief.users_words], spec.name, spec.description, _arguments(call)]
    return hashlib.sha256(orjson.dumps(known, option=orjson.OPT_SORT_KEYS)).digest()


def _made(brief: Brief, call: ToolCall) -> JsonValue:
    taint = TaintCheck(trusted_texts=brief.users_words)
    return {"name": call.name, "arguments": _shown(_arguments(call), taint)}


def _arguments(call: ToolCall) -> JsonValue:
    try:
        return decode(call.arguments or "{}")
    except NotStrictJson:
        return None


def _shown(value: JsonValue, taint: TaintCheck) -> JsonValue:
    match value:
        case str() if not taint.wrote(value):
            return {"hidden": "text", "characters": len(value)}
        case list():
            return [_shown(part, taint) for part in value]
        case dict():
            return {_name(name): _shown(part, taint) for name, part in value.items()}
        case _:
            return value


def _name(name: str) -> str:
    """An argument's name is the tool's; a longer one may be a sentence of the agent's."""
    return name if _PLAIN.fullmatch(name) else "?"
