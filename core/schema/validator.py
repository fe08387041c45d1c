"""A schema compiled to rules, and values checked by them within a fixed number of steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, cast

import orjson
from pydantic import JsonValue

from core.schema import values
from core.schema.keywords import Schema
from core.schema.run import Problem, Rule, Run, TooCostly

MAX_STEPS = 100_000
"""A tenth of a second or so; a reply of 64,000 characters takes a third of it under an everyday schema."""


class Validator:
    """Checks values by a schema that `check` has passed and `standing` has made whole."""

    def __init__(self, schema: JsonValue | Schema) -> None:
        self._fits = _compiled(schema)

    def problems(self, value: JsonValue) -> list[Problem]:
        """What does not fit, the first few of it; nothing where all does.

        Raises:
            TooCostly: it could not be told in `MAX_STEPS`.
        """
        run = Run(steps=MAX_STEPS)
        try:
            self._fits(value, run)
        except RecursionError as error:
            raise TooCostly from error
        return run.problems


def compiled(schema: Schema) -> Validator:
    """From a small cache: the same few schemas are asked for again and again."""
    return _cached(orjson.dumps(schema))


@lru_cache(maxsize=64)
def _cached(text: bytes) -> Validator:
    return Validator(orjson.loads(text))


def _compiled(schema: JsonValue | Schema) -> Rule:
    if schema is True:
        return lambda value, run: True
    if not isinstance(schema, Mapping):
        return lambda value, run: run.note("false", expected=False)
    given = cast(Mapping[str, Any], schema)
    rules = [
        *(make(given[keyword]) for keyword, make in values.RULES.items() if keyword in given),
        *(make(given) for keywords, make in _APPLICATORS if not keywords.isdisjoint(given)),
    ]

    def fits(value: JsonValue, run: Run) -> bool:
        run.take()
        fitting = True
        for rule in rules:
            run.take()
            if not rule(value, run):
                fitting = False
                if run.asking:
                    return False
        return fitting

    return fits


def _all_of(schema: Schema) -> Rule:
    parts = [_compiled(part) for part in schema["allOf"]]

    def rule(value: JsonValue, run: Run) -> bool:
        return [run.branch(part, value) for part in parts].count(False) == 0

    return rule


def _any_of(schema: Schema) -> Rule:
    parts = [_compiled(part) for part in schema["anyOf"]]

    def rule(value: JsonValue, run: Run) -> bool:
        fitting = [run.branch(part, value, asking=True) for part in parts]
        return any(fitting) or run.note("anyOf", expected=schema["anyOf"])

    return rule


def _one_of(schema: Schema) -> Rule:
    parts = [_compiled(part) for part in schema["oneOf"]]

    def rule(value: JsonValue, run: Run) -> bool:
        fitting = [run.branch(part, value, asking=True) for part in parts]
        return fitting.count(True) == 1 or run.note("oneOf", expected=schema["oneOf"])

    return rule


def _not(schema: Schema) -> Rule:
    part = _compiled(schema["not"])

    def rule(value: JsonValue, run: Run) -> bool:
        return not run.branch(part, value, asking=True) or run.note("not", expected=schema["not"])

    return rule


def _if(schema: Schema) -> Rule:
    condition = _compiled(schema["if"])
    then, otherwise = _compiled(schema.get("then", True)), _compiled(schema.get("else", True))

    def rule(value: JsonValue, run: Run) -> bool:
        part = then if run.branch(condition, value, asking=True) else otherwise
        return run.branch(part, value)

    return rule


def _dependent_schemas(schema: Schema) -> Rule:
    parts = {name: _compiled(part) for name, part in schema["dependentSchemas"].items()}

    def rule(value: JsonValue, run: Run) -> bool:
        if not isinstance(value, dict):
            return True
        run.take(len(parts))
        due = [part for name, part in parts.items() if name in value]
        return [run.branch(part, value) for part in due].count(False) == 0

    return rule


def _elements(schema: Schema) -> Rule:
    leading = [_compiled(part) for part in schema.get("prefixItems", ())]
    rest = _compiled(schema["items"]) if "items" in schema else None

    def rule(value: JsonValue, run: Run) -> bool:
        if not isinstance(value, list):
            return True
        fitting = True
        for index, item in enumerate(value):
            part = leading[index] if index < len(leading) else rest
            if part is None:
                break
            run.saw(items=(index,))
            fitting &= run.inside(index, part, item)
            if run.asking and not fitting:
                return False
        return fitting

    return rule


def _contains(schema: Schema) -> Rule:
    part = _compiled(schema["contains"])
    least, most = schema.get("minContains", 1), schema.get("maxContains")

    def rule(value: JsonValue, run: Run) -> bool:
        if not isinstance(value, list):
            return True
        found = [index for index, item in enumerate(value) if run.inside(index, part, item, asking=True)]
        run.saw(items=found)
        if len(found) < least:
            return run.note("contains", expected=schema["contains"])
        return most is None or len(found) <= most or run.note("maxContains", expected=most)

    return rule


def _members(schema: Schema) -> Rule:
    named = {name: _compiled(part) for name, part in schema.get("properties", {}).items()}
    patterns = [(values.compiled(pattern), _compiled(part)) for pattern, part in _patterns(schema)]
    closed = schema.get("additionalProperties") is False
    others = _compiled(schema["additionalProperties"]) if "additionalProperties" in schema else None

    def rules_for(name: str, run: Run) -> list[Rule]:
        found = [named[name]] if name in named else []
        found += [part for pattern, part in patterns if values.matches(pattern, name, run)]
        return found or ([others] if others is not None else [])

    def rule(value: JsonValue, run: Run) -> bool:
        if not isinstance(value, dict):
            return True
        fitting = True
        for name, member in value.items():
            run.take()
            found = rules_for(name, run)
            if closed and found == [others]:
                fitting = run.note("additionalProperties", expected=False)
                continue
            if found:
                run.saw(names=(name,))
                fitting &= [run.inside(name, part, member) for part in found].count(False) == 0
            if run.asking and not fitting:
                return False
        return fitting

    return rule


def _patterns(schema: Schema) -> list[tuple[str, JsonValue]]:
    return list(schema.get("patternProperties", {}).items())


def _property_names(schema: Schema) -> Rule:
    part = _compiled(schema["propertyNames"])

    def rule(value: JsonValue, run: Run) -> bool:
        if not isinstance(value, dict) or all(run.inside("", part, name, asking=True) for name in value):
            return True
        return run.note("propertyNames", expected=schema["propertyNames"])

    return rule


def _unevaluated_items(schema: Schema) -> Rule:
    part = _compiled(schema["unevaluatedItems"])

    def rule(value: JsonValue, run: Run) -> bool:
        if not isinstance(value, list):
            return True
        left = [index for index in range(len(value)) if index not in run.seen.items]
        run.take(len(value))
        if not all(run.inside(index, part, value[index], asking=True) for index in left):
            return run.note("unevaluatedItems", expected=schema["unevaluatedItems"])
        run.saw(items=left)
        return True

    return rule


def _unevaluated_properties(schema: Schema) -> Rule:
    part = _compiled(schema["unevaluatedProperties"])

    def rule(value: JsonValue, run: Run) -> bool:
        if not isinstance(value, dict):
            return True
        left = [name for name in value if name not in run.seen.names]
        run.take(len(value))
        if not all(run.inside(name, part, value[name], asking=True) for name in left):
            return run.note("unevaluatedProperties", expected=schema["unevaluatedProperties"])
        run.saw(names=left)
        return True

    return rule


_APPLICATORS: tuple[tuple[frozenset[str], Callable[[Schema], Rule]], ...] = (
    (frozenset({"properties", "patternProperties", "additionalProperties"}), _members),
    (frozenset({"prefixItems", "items"}), _elements),
    (frozenset({"contains"}), _contains),
    (frozenset({"propertyNames"}), _property_names),
    (frozenset({"allOf"}), _all_of),
    (frozenset({"anyOf"}), _any_of),
    (frozenset({"oneOf"}), _one_of),
    (frozenset({"not"}), _not),
    (frozenset({"if"}), _if),
    (frozenset({"dependentSchemas"}), _dependent_schemas),
    (frozenset({"unevaluatedItems"}), _unevaluated_items),
    (frozenset({"unevaluatedProperties"}), _unevaluated_properties),
)
"""In this order: what is left over is known last."""
