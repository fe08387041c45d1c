"""JSON as Postgres can keep it."""

from __future__ import annotations

from typing import Any

import orjson


def jsonb(value: object) -> str:
    """Canonical JSON text for a `jsonb` parameter.

    Postgres stores no NUL, and no half of a surrogate pair; text from outside may hold both, so NUL is left
    out and broken characters become question marks. Integers beyond 64 bits become text.
    """
    try:
        encoded = orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except TypeError:
        encoded = orjson.dumps(_clean(value), option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    if b"\\u0000" in encoded:
        encoded = orjson.dumps(_clean(value), option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return encoded.decode()


def _clean(value: Any) -> Any:
    match value:
        case int() if abs(value) >= 1 << 63:
            return str(value)
        case str():
            return value.replace("\x00", "").encode("utf-8", "replace").decode()
        case dict():
            return {_clean(key): _clean(part) for key, part in value.items()}  # pyright: ignore[reportUnknownVariableType] - arbitrary JSON
        case list() | tuple():
            return [_clean(part) for part in value]  # pyright: ignore[reportUnknownVariableType] - arbitrary JSON
        case _:
            return value
