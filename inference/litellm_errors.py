"""LiteLLM's, the openai client's and httpx's exceptions, as our kinds of model error."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from typing import Any, cast

from core.errors import ModelError, ModelRefused, ModelRejected, ModelTimeout
from inference.config import ModelConfig
from inference.failure import KEY_WANTED, named, unreachable
from inference.litellm_library import LiteLLMLibrary
from inference.status import POLICY_CODES, by_status, told, wait_seconds

_NO_KEY = re.compile(r"missing\W.{0,40}(api.?key|credential)|unable to locate credential", re.IGNORECASE)
_PREFIX = re.compile(r"^(?:.*Exception - |litellm\.\w+: )+")


def translated(error: Exception, library: LiteLLMLibrary, config: ModelConfig) -> ModelError:
    """Our error for one of theirs; the key is cut out of the message wherever it stands."""
    kinds = library.litellm.exceptions
    if isinstance(error, kinds.MidStreamFallbackError):
        inner = cast(Any, error).original_exception
        error = inner if isinstance(inner, Exception) else error
    causes = tuple(_causes(error))
    if any(isinstance(cause, library.httpx.ConnectError | library.httpx.ConnectTimeout) for cause in causes):
        return unreachable(config)
    reason = _reason(error, config)
    message = f"{named(config)}: {reason}"
    if isinstance(error, TimeoutError | asyncio.TimeoutError | library.openai.APITimeoutError):
        return ModelTimeout(message)
    if isinstance(error, ImportError):
        return ModelRejected(message, code="model_provider_not_installed")
    if isinstance(error, library.openai.RateLimitError):
        return by_status(429, reason, config, answered=True, retry_after=_retry_after(error))
    if isinstance(error, kinds.ContextWindowExceededError):
        return ModelRejected(message, code="context_window_exceeded")
    if isinstance(error, kinds.ContentPolicyViolationError) or _body_code(error) in POLICY_CODES:
        return ModelRefused(message)
    answered = any(
        isinstance(cause, library.openai.APIStatusError | library.httpx.HTTPStatusError)
        for cause in causes
        if cause is not error
    )
    if not answered and _NO_KEY.search(reason):
        return ModelRejected(f"{named(config)} {KEY_WANTED} ({reason})", code="model_access_denied")
    # LiteLLM invents a status where no HTTP response stands behind the error.
    return by_status(_status(error), reason, config, answered=answered, retry_after=_retry_after(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from or over, each once."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def _status(error: Exception) -> int | None:
    try:
        return int(getattr(error, "status_code", None) or 0) or None
    except (TypeError, ValueError):
        return None


def _body_code(error: Exception) -> object:
    body = getattr(error, "body", None)
    return cast("Mapping[str, object]", body).get("code") if isinstance(body, Mapping) else None


def _reason(error: Exception, config: ModelConfig) -> str:
    """What the node said, without what LiteLLM puts before and behind it."""
    said = str(getattr(error, "message", "") or error).partition("\nTraceback")[0]
    return told(_PREFIX.sub("", said), config, otherwise=type(error).__name__)


def _retry_after(error: Exception) -> float | None:
    """Seconds from a `Retry-After` header, given as a number or as a date (RFC 9110 §10.2.3)."""
    for headers in (
        getattr(error, "litellm_response_headers", None),
        getattr(getattr(error, "response", None), "headers", None),
    ):
        if isinstance(headers, Mapping):
            value = cast("Mapping[str, object]", headers).get("retry-after")
            if isinstance(value, str):
                return wait_seconds(value)
    return None
