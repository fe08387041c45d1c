"""What a stranger's schema must pass before anything else walks it, shows it to a model or fills it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

import orjson

from core.errors import InvalidInput
from core.schema.checking import check
from core.schema.standing import standing
from core.strict_json import depth

MAX_CHARACTERS = 64_000
MAX_DEPTH = 48
MAX_SMALLEST = 64_000
"""Characters, roughly, of the smallest value that fits."""


def admitted(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema standing on its own: bounded in size, and in what a value that fits it must hold.

    Raises:
        InvalidInput: with the place in the schema and what to do.
    """
    return orjson.loads(_admitted(_sized(schema)))


@lru_cache(maxsize=64)
def _admitted(text: bytes) -> bytes:
    schema: dict[str, Any] = orjson.loads(text)
    check(schema)
    whole = standing(schema)
    if _smallest(whole) > MAX_SMALLEST:
        raise InvalidInput(
            f"no answer of {MAX_SMALLEST:,} characters can fit the schema: lower its minItems and minLength"
        )
    return _sized(whole)


def _sized(schema: Mapping[str, Any]) -> bytes:
    if depth(schema) > MAX_DEPTH:
        raise InvalidInput(f"the schema is nested more than {MAX_DEPTH} deep: flatten it")
    try:
        text = orjson.dumps(schema)
    except TypeError as error:
        raise InvalidInput("the schema has a number beyond 64 bits or text that is not Unicode") from error
    if len(text) > MAX_CHARACTERS:
        raise InvalidInput(
            f"the schema has {len(text):,} characters, its definitions put in, and {MAX_CHARACTERS:,} are "
            "the most: shorten it"
        )
    return text


def _smallest(schema: object) -> int:
    """About how many characters a value that fits must have, each optional part counted as there.

    Rules that fill a schema put all its parts in, so these count too.
    """
    if not isinstance(schema, Mapping):
        return 1
    given = cast(Mapping[str, Any], schema)
    own = max(1, *(int(given.get(keyword, 0)) for keyword in ("minLength", "minProperties", "minContains")))
    leading = given.get("prefixItems", ())
    following = max(0, int(given.get("minItems", 0)) - len(leading)) * _smallest(given.get("items", True))
    named = sum(len(name) + _smallest(part) for name, part in given.get("properties", {}).items())
    joined = sum(map(_smallest, (*leading, *given.get("allOf", ()))))
    choices = (max(map(_smallest, given.get(keyword, ())), default=0) for keyword in ("anyOf", "oneOf"))
    return min(own + following + named + joined + sum(choices), MAX_SMALLEST + 1)
