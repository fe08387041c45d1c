"""JSON bodies that storage can hold and every reader understands the same way (RFC 7493)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, cast

from fastapi import Request
from starlette.exceptions import HTTPException

from core.errors import InvalidInput

MAX_DEPTH = 64
MAX_VALUES = 20_000
"""Keys and values at all depths; looking at them holds up other requests."""
MAX_NUMBER = 2**53 - 1

EXAMPLE = '{"goal": "How long is a lease?"}'


async def json_object(request: Request) -> None:
    """A route's dependency; what claims to be JSON and is not, FastAPI has refused before.

    Raises:
        HTTPException: 415, it does not say that it is JSON.
        InvalidInput: not an object, too deep, too many values, a number no other reader holds exactly, or
            text that is not Unicode.
    """
    if not await request.body():
        raise InvalidInput(f"the body is empty: send a JSON object, such as {EXAMPLE}", code="malformed")
    if not _says_json(request.headers.get("content-type", "")):
        raise HTTPException(415, "Send the body as JSON, with the header Content-Type: application/json.")
    body = await request.json()
    if not isinstance(body, dict):
        raise InvalidInput(f"the body is not a JSON object, such as {EXAMPLE}")
    for value in _parts(cast(dict[str, Any], body)):
        match value:
            case bool():
                pass
            case int() | float() if not math.isfinite(value) or abs(value) > MAX_NUMBER:
                raise InvalidInput("the body has a number beyond 2^53")
            case str() if "\0" in value or not _is_unicode(value):
                raise InvalidInput("the body has text with NUL or unpaired surrogates")
            case _:
                pass


async def json_object_or_none(request: Request) -> None:
    """As `json_object`, where the body may be left out."""
    if await request.body():
        await json_object(request)


def _says_json(content_type: str) -> bool:
    """As FastAPI decides whether to read a body as JSON."""
    kind, _, name = content_type.partition(";")[0].strip().lower().partition("/")
    return kind == "application" and (name == "json" or name.endswith("+json"))


def _parts(value: Any) -> Iterator[Any]:
    """Keys and values at every depth, without recursion."""
    left: list[tuple[Any, int]] = [(value, 1)]
    taken = 0
    while left:
        part, depth = left.pop()
        taken += 1
        if taken > MAX_VALUES:
            raise InvalidInput(f"the body has more than {MAX_VALUES:,} values")
        if depth > MAX_DEPTH:
            raise InvalidInput(f"the body is nested more than {MAX_DEPTH} deep")
        if isinstance(part, dict):
            found = cast(dict[str, Any], part)
            left.extend((each, depth + 1) for each in (*found.keys(), *found.values()))
        elif isinstance(part, list):
            left.extend((each, depth + 1) for each in cast(list[Any], part))
        else:
            yield part


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
