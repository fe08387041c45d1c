"""Validating by rule: a call passes where nothing of it is another's words than the user's."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue


def validate(blocks: Mapping[str, JsonValue]) -> JsonValue:
    """The verdict on the call that is asked about."""
    if _hides(blocks.get("call")):
        return {"decision": "deny", "reason_code": "unclear"}
    return {"decision": "allow", "reason_code": "needed"}


def _hides(value: JsonValue) -> bool:
    match value:
        case dict():
            return "hidden" in value or any(_hides(part) for part in value.values())
        case list():
            return any(_hides(part) for part in value)
        case _:
            return False
