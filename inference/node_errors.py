"""What an OpenAI-compatible node says in place of a reply, as our kinds of model error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, cast

import orjson

from core.errors import ModelError, ModelRefused, ModelRejected
from inference.config import ModelConfig
from inference.failure import named
from inference.status import POLICY_CODES, by_status, told

_TOO_LONG = re.compile(
    r"context.?length.?exceeded|exceed.{0,20}context.(?:size|limit|length|window)"
    r"|maximum context (?:length|limit)|longer than the model's context"
    r"|inputs. tokens \+ .max_new_tokens|exceeds the available context"
    r"|exceeds? the (?:model's )?maximum (?:number of tokens|model length|input length)",
    re.IGNORECASE,
)


def refused(status: int, body: bytes, config: ModelConfig, *, retry_after: float | None) -> ModelError:
    """The error for a response that is no reply; the node began nothing."""
    try:
        said: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        said = body.decode("utf-8", "replace")
    return _error(_inner(said), status, config, answered=True, retry_after=retry_after)


def broken(said: object, config: ModelConfig) -> ModelError:
    """The error for one that came inside a stream; what it used is not known."""
    inner = _inner(said)
    return _error(inner, _status(inner), config, answered=False, retry_after=None)


def _error(
    said: object, status: int | None, config: ModelConfig, *, answered: bool, retry_after: float | None
) -> ModelError:
    text, codes = _text(said), _codes(said)
    reason = told(text, config, otherwise=f"HTTP {status}" if status else "it gave no reason")
    if codes & POLICY_CODES:
        return ModelRefused(f"{named(config)}: {reason}")
    if _TOO_LONG.search(" ".join((text, *codes))) and (status is None or 400 <= status < 500):
        return ModelRejected(f"{named(config)}: {reason}", code="context_window_exceeded")
    return by_status(status, reason, config, answered=answered, retry_after=retry_after)


def _inner(said: object) -> object:
    """What stands under `error`, as OpenAI writes it; others write it without."""
    if isinstance(said, Mapping):
        holder = cast("Mapping[str, object]", said)
        return holder.get("error") or holder
    return said


def _text(said: object) -> str:
    if isinstance(said, Mapping):
        holder = cast("Mapping[str, object]", said)
        found = holder.get("message") or holder.get("detail") or ""
        return found if isinstance(found, str) else orjson.dumps(found).decode()
    return said if isinstance(said, str) else ""


def _status(said: object) -> int | None:
    code = cast("Mapping[str, object]", said).get("code") if isinstance(said, Mapping) else None
    return code if isinstance(code, int) else None


def _codes(said: object) -> frozenset[str]:
    if not isinstance(said, Mapping):
        return frozenset()
    holder = cast("Mapping[str, object]", said)
    return frozenset(code for code in (holder.get("code"), holder.get("type")) if isinstance(code, str))
