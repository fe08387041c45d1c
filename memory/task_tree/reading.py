"""What a model makes of an utterance: the schema it must fit, and the typed changes that are read from it.

One structured call in place of a chain of them (TME's decompose, classify and trim): the reply may name only
nodes it was shown, for their keys are an enum of the schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationError,
)

from core.errors import ModelOutputInvalid
from core.text import printable
from memory.task_tree.operations import Title, Value

MOST_OPERATIONS = 12
"""Of one utterance."""
MOST_NAMED = 16
"""Nodes that one operation names."""
TITLE_CHARACTERS = 120
TEXT_CHARACTERS = 2000

NEW = ("new1", "new2", "new3", "new4")
"""Names that an utterance's own nodes have among its operations."""

Text = Annotated[str, AfterValidator(printable)]

Holds = Literal["value", "text"]
"""What the nodes of a tree hold for a user: a value, or the text of a step's question."""


class _Wanted(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Added(_Wanted):
    """A node more. Where nodes hold texts, `text` is its question; else `value` is what is known of it."""

    op: Literal["create"]
    id: str
    title: Title
    value: Value = None
    text: Text = ""
    depends_on: tuple[str, ...] = ()


class Valued(_Wanted):
    op: Literal["set_value"]
    node: str
    value: Value


class Replaced(_Wanted):
    """Something else in the place of a node."""

    op: Literal["substitute"]
    node: str
    title: Title
    value: Value = None
    text: Text = ""


class RolledBack(_Wanted):
    op: Literal["rollback"]
    node: str
    to: Literal["original", "previous"]


class Retired(_Wanted):
    op: Literal["retire"]
    node: str


class Linked(_Wanted):
    op: Literal["link"]
    node: str
    depends_on: str


class Queried(_Wanted):
    """A question about nodes, or about all where none is named."""

    op: Literal["query"]
    nodes: tuple[str, ...]


Wanted = Annotated[
    Added | Valued | Replaced | RolledBack | Retired | Linked | Queried, Field(discriminator="op")
]


class Reading(_Wanted):
    """What an utterance comes to.

    Attributes:
        operations: in order; all or none of them take effect.
        needs_clarification: it cannot be told which node is meant, so nothing takes effect.
        candidates: the nodes it may be, best first.
    """

    operations: tuple[Wanted, ...]
    needs_clarification: bool
    candidates: tuple[str, ...]

    @property
    def changes(self) -> tuple[Wanted, ...]:
        return tuple(each for each in self.operations if not isinstance(each, Queried))

    @property
    def queries(self) -> tuple[Queried, ...]:
        return tuple(each for each in self.operations if isinstance(each, Queried))


_READING: TypeAdapter[Reading] = TypeAdapter(Reading)


def schema(active: Sequence[str], gone: Sequence[str] = (), *, holds: Holds) -> dict[str, JsonValue]:
    """JSON Schema (2020-12) of a reading.

    Args:
        active: keys of the nodes that stand.
        gone: keys of nodes that were retired, and may be brought back.
        holds: what nodes hold.
    """
    nodes, known = _one_of(*active, *NEW), _one_of(*active, *gone)
    content: dict[str, JsonValue]
    if holds == "value":
        content = {"value": {"type": ["string", "number", "boolean", "null"], "maxLength": TEXT_CHARACTERS}}
    else:
        content = {"text": {"type": "string", "minLength": 1, "maxLength": TEXT_CHARACTERS}}
    title: JsonValue = {"type": "string", "minLength": 1, "maxLength": TITLE_CHARACTERS}
    variants: list[JsonValue] = [
        _variant("create", id=_one_of(*NEW), title=title, **content, depends_on=_several(nodes)),
        _variant("query", nodes=_several(known) if active or gone else {"const": []}),
    ]
    if active or gone:
        variants.append(_variant("rollback", node=known, to=_one_of("original", "previous")))
    if active:
        standing = _one_of(*active)
        variants += [
            _variant("substitute", node=standing, title=title, **content),
            _variant("retire", node=standing),
            _variant("link", node=nodes, depends_on=nodes),
        ]
        if holds == "value":
            variants.append(_variant("set_value", node=standing, **content))
    return _object(
        operations={"type": "array", "maxItems": MOST_OPERATIONS, "items": {"anyOf": variants}},
        needs_clarification={"type": "boolean"},
        candidates=_several(known) if active or gone else {"const": []},
    )


def read(reply: JsonValue, active: Sequence[str], gone: Sequence[str] = ()) -> Reading:
    """The reading that a model's reply is.

    Raises:
        ModelOutputInvalid: it names what is not there, or nothing at all; it means nothing then.
    """
    try:
        reading = _READING.validate_python(reply)
    except ValidationError as error:
        raise ModelOutputInvalid(
            f"what was made of it does not fit: {error.error_count()} faults; nothing was changed"
        ) from error
    made = [each.id for each in reading.operations if isinstance(each, Added)]
    if len(made) != len(set(made)):
        raise ModelOutputInvalid("two new nodes have one name; nothing was changed")
    if unknown := sorted(_named(reading) - {*active, *gone, *made}):
        raise ModelOutputInvalid(f"there is no {unknown[0]!r} to change; nothing was changed")
    if not reading.operations and not reading.needs_clarification:
        raise ModelOutputInvalid("nothing to change or to answer was found in it; nothing was changed")
    return reading


def _named(reading: Reading) -> set[str]:
    """The nodes that a reading refers to."""
    named = set(reading.candidates)
    for each in reading.operations:
        match each:
            case Added():
                named |= {*each.depends_on}
            case Queried():
                named |= {*each.nodes}
            case Linked():
                named |= {each.node, each.depends_on}
            case _:
                named.add(each.node)
    return named


def _variant(op: str, **properties: JsonValue) -> JsonValue:
    return _object(op={"const": op}, **properties)


def _object(**properties: JsonValue) -> dict[str, JsonValue]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [*properties],
        "properties": properties,
    }


def _one_of(*keys: str) -> JsonValue:
    return {"enum": [*keys]}


def _several(items: JsonValue) -> JsonValue:
    return {"type": "array", "maxItems": MOST_NAMED, "items": items}
