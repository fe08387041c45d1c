"""Which values of a call go to sinks: the places where a swapped value does harm (law 7)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel

from core.errors import ConfigurationError
from core.grant import SINKS, Sink
from core.pointer import escaped, steps
from tools.contract import SINK, ToolSpec

Value = str | int | float
Schemas = Sequence[Mapping[str, Any]]
"""All that a schema says of one place, its references and alternatives followed."""


@dataclass(frozen=True, kw_only=True)
class SinkValue:
    """One value on its way to a sink; `at` is a JSON pointer into the arguments."""

    at: str
    sink: Sink
    value: Value

    @property
    def argument(self) -> str:
        return steps(self.at)[0]


def sink_values(spec: ToolSpec, arguments: BaseModel) -> list[SinkValue]:
    """Every string and number of the call that goes to a sink, at any depth; keys no schema names too."""
    root = spec.declared
    given = arguments.model_dump(mode="json")
    found: list[SinkValue] = []
    for name, value in given.items():
        schemas = _member(_opened(root, root), name, root)
        found += _walk(value, schemas, spec.sinks.get(name), f"/{escaped(name)}", root)
    return found


def check_declared(spec: ToolSpec) -> None:
    """Raises `ConfigurationError` for a sink that guards nothing: of no argument, or of no known kind."""
    for name, sink in spec.sinks.items():
        if name not in spec.arguments.model_fields:
            raise ConfigurationError(f"the tool {spec.name} has no argument {name!r} to be a sink")
        _known(sink, spec.name)
    for sink in _keywords(spec.declared):
        _known(sink, spec.name)


def _known(sink: object, tool: str) -> None:
    if sink not in SINKS:
        raise ConfigurationError(f"the tool {tool} names a sink {sink!r}; there are: {', '.join(SINKS)}")


def _keywords(schema: object) -> Iterator[object]:
    if isinstance(schema, list):
        for part in cast(list[object], schema):
            yield from _keywords(part)
    elif isinstance(schema, dict):
        for key, part in cast(dict[str, object], schema).items():
            if key == SINK:
                yield part
            else:
                yield from _keywords(part)


def _walk(
    value: object, schemas: Schemas, sink: Sink | None, at: str, root: Mapping[str, Any]
) -> Iterator[SinkValue]:
    for schema in schemas:
        sink = cast(Sink, schema[SINK]) if SINK in schema else sink
    match value:
        case dict():
            for key, part in cast(dict[str, object], value).items():
                below, place = _member(schemas, key, root), f"{at}/{escaped(key)}"
                if sink is not None and not below:
                    yield SinkValue(at=place, sink=sink, value=key)
                yield from _walk(part, below, sink, place, root)
        case list():
            for index, part in enumerate(cast(list[object], value)):
                yield from _walk(part, _items(schemas, root), sink, f"{at}/{index}", root)
        case bool():
            return
        case str() | int() | float() if sink is not None:
            yield SinkValue(at=at, sink=sink, value=value)
        case _:
            return


def _member(schemas: Schemas, name: str, root: Mapping[str, Any]) -> Schemas:
    return [
        part
        for schema in schemas
        for member in (schema.get("properties", {}).get(name),)
        if member is not None
        for part in _opened(member, root)
    ]


def _items(schemas: Schemas, root: Mapping[str, Any]) -> Schemas:
    """Of any element: where elements differ, what is said of one of them counts for all."""
    return [
        part
        for schema in schemas
        for items in (schema.get("items"), *schema.get("prefixItems", ()))
        for part in _opened(items, root)
    ]


def _opened(schema: object, root: Mapping[str, Any]) -> Schemas:
    """The schema and all that it refers to or joins."""
    opened: list[Mapping[str, Any]] = []
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if not isinstance(part, Mapping) or part in opened:
            continue
        known = cast(Mapping[str, Any], part)
        opened.append(known)
        for word in ("anyOf", "oneOf", "allOf"):
            waiting += known.get(word, ())
        if (name := str(known.get("$ref", "")).removeprefix("#/$defs/")) in root.get("$defs", {}):
            waiting.append(root["$defs"][name])
    return opened
