"""What a model may do to insights: typed operations that name records by short refs, and nothing else.

A reply is read whole, or it changes nothing. What it names must be what it was shown: the refs stand in the
schema, and versions are checked again when the operations are applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from memory.insight_graph.model import ADVICE_CHARACTERS

MAX_OPERATIONS = 6


class _Operation(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Add(_Operation):
    """A new insight that these episodes bear out."""

    op: Literal["add"]
    text: str = Field(min_length=1, max_length=ADVICE_CHARACTERS)
    episodes: tuple[str, ...] = Field(min_length=1)


class Agree(_Operation):
    op: Literal["agree"]
    insight: str
    episodes: tuple[str, ...] = Field(min_length=1)


class Contradict(_Operation):
    op: Literal["contradict"]
    insight: str
    episodes: tuple[str, ...] = Field(min_length=1)


class Edit(_Operation):
    """Other words for an insight; the new one takes the place of the old."""

    op: Literal["edit"]
    insight: str
    text: str = Field(min_length=1, max_length=ADVICE_CHARACTERS)
    episodes: tuple[str, ...] = Field(min_length=1)


class Merge(_Operation):
    """One insight in place of several that say the same."""

    op: Literal["merge"]
    insights: tuple[str, ...] = Field(min_length=2, max_length=4)
    text: str = Field(min_length=1, max_length=ADVICE_CHARACTERS)


Refine = Annotated[Add | Agree | Contradict | Edit | Merge, Field(discriminator="op")]

_REPLY: TypeAdapter[list[Refine]] = TypeAdapter(list[Refine])


def most_additions(episodes: int) -> int:
    """A third of the new episodes, and one at least: generalisations are fewer than what they rest on."""
    return max(1, ceil(episodes / 3))


def schema(episodes: Sequence[str], insights: Sequence[str]) -> dict[str, JsonValue]:
    """The reply's schema: every ref is an enum, so that nothing else can be named."""
    bearing: dict[str, Any] = {
        "type": "array",
        "items": {"enum": list(episodes)},
        "minItems": 1,
        "maxItems": 16,
    }
    text: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": ADVICE_CHARACTERS}
    forms = [_form("add", text=text, episodes=bearing)]
    if insights:
        one: dict[str, Any] = {"enum": list(insights)}
        forms += [
            _form("agree", insight=one, episodes=bearing),
            _form("contradict", insight=one, episodes=bearing),
            _form("edit", insight=one, text=text, episodes=bearing),
        ]
    if len(insights) > 1:
        several: dict[str, Any] = {
            "type": "array",
            "items": {"enum": list(insights)},
            "minItems": 2,
            "maxItems": 4,
        }
        forms.append(_form("merge", insights=several, text=text))
    operations: dict[str, Any] = {"type": "array", "maxItems": MAX_OPERATIONS, "items": {"anyOf": forms}}
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["operations"],
        "properties": {"operations": operations},
    }


def read(output: object) -> list[Refine] | None:
    """The operations of a reply, or `None` where it is not what the schema says."""
    if not isinstance(output, dict):
        return None
    try:
        return _REPLY.validate_python(output.get("operations"))  # pyright: ignore[reportUnknownMemberType] - JSON
    except ValidationError:
        return None


def _form(op: str, **properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["op", *properties],
        "properties": {"op": {"const": op}, **properties},
    }
