"""JSON bodies that storage can hold and every reader understands the same way (RFC 7493)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, cast

from fastapi import Request

from core.errors import InvalidInput

MAX_DEPTH = 64
MAX_NUMBER = 2**53 - 1


async def interoperable(request: Request) -> None:
    """A route's dependency; what is not JSON at all is left for the route to refuse.

    Raises:
        InvalidInput: too deep, a number no other reader holds exactly, or text that is not Unicode.
    """
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        return
    for value in _parts(body):
        match value:
            case bool():
                pass
            case int() | float() if not math.isfinite(value) or abs(value) > MAX_NUMBER:
                raise InvalidInput("the body has a number beyond 2^53")
            case str() if "\0" in value or not _is_unicode(value):
                raise InvalidInput("the body has text with NUL or unpaired surrogates")
            case _:
                pass


def _parts(value: Any) -> Iterator[Any]:
    """Keys and values at every depth, without recursion."""
    left: list[tuple[Any, int]] = [(value, 1)]
    while left:
        part, depth = left.pop()
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
    return not any("\ud800" <= character <= "\udfff" for character in text)
