"""Server-sent events of a node, one JSON object each."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from typing import Any, cast

import orjson

from core.errors import ModelUnavailable

_MOST_BYTES = 4 * 2**20
"""Of one event: what is longer is none."""
_DONE = b"[DONE]"


async def events(pieces: AsyncIterable[bytes]) -> AsyncGenerator[dict[str, Any]]:
    """The events up to `[DONE]`; what follows is read too, so that the connection can be used again.

    Raises:
        ModelUnavailable: what came is no such stream.
    """
    rest, data, done = b"", list[bytes](), False
    async for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) + sum(map(len, data)) > _MOST_BYTES:
            raise ModelUnavailable("the node sent an event without end")
        for line in lines:
            line = line.rstrip(b"\r")
            if line.startswith(b"data:"):
                data.append(line.removeprefix(b"data:").removeprefix(b" "))
            elif not line and data:
                whole, data = b"\n".join(data), []
                done = done or whole == _DONE
                if not done:
                    yield _parsed(whole)
    if data and not done and (whole := b"\n".join(data)) != _DONE:
        yield _parsed(whole)


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ModelUnavailable("the node sent an event that is not JSON") from error
    if not isinstance(value, dict):
        raise ModelUnavailable("the node sent an event that is no part of a reply")
    return cast("dict[str, Any]", value)
