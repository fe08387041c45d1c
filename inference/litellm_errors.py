"""LiteLLM's, the openai client's and httpx's exceptions, as our kinds of model error."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

from core.errors import (
    ModelError,
    ModelRateLimited,
    ModelRefused,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
)
from core.text import clipped, printable
from inference.litellm_library import LiteLLMLibrary

_MESSAGE_LIMIT = 300
_REJECTED_FOR = {
    401: "model_access_denied",
    402: "model_access_denied",
    403: "model_access_denied",
    404: "model_not_found",
    413: "context_window_exceeded",
}
_UNSUPPORTED = 501
_POLICY_CODES = {"content_policy_violation", "content_filter"}


def translated(error: Exception, library: LiteLLMLibrary, *, label: str, secret: str | None) -> ModelError:
    """Our error for one of theirs. `secret` is cut out of the message wherever it stands."""
    kinds = library.litellm.exceptions
    if isinstance(error, kinds.MidStreamFallbackError):
        inner = cast(Any, error).original_exception
        error = inner if isinstance(inner, Exception) else error
    message = f"{label}: {_reason(error, secret)}"
    if isinstance(error, TimeoutError | asyncio.TimeoutError | library.openai.APITimeoutError):
        return ModelTimeout(message)
    if isinstance(error, ImportError):
        return ModelRejected(message, code="model_provider_not_installed")
    if isinstance(error, library.openai.RateLimitError):
        return ModelRateLimited(message, retry_after=_retry_after(error))
    if isinstance(error, kinds.ContextWindowExceededError):
        return ModelRejected(message, code="context_window_exceeded")
    if isinstance(error, kinds.ContentPolicyViolationError) or _body_code(error) in _POLICY_CODES:
        return ModelRefused(message)
    return _by_status(error, message)


def _by_status(error: Exception, message: str) -> ModelError:
    status = _status(error)
    match status:
        case None:
            return ModelUnavailable(message)
        case 408:
            return ModelTimeout(message)
        case 425:
            return ModelUnavailable(message)
        case 429:
            return ModelRateLimited(message, retry_after=_retry_after(error))
        case _ if 400 <= status < 500 or status == _UNSUPPORTED:
            return ModelRejected(message, code=_REJECTED_FOR.get(status))
        case _:
            return ModelUnavailable(message)


def _status(error: Exception) -> int | None:
    try:
        return int(getattr(error, "status_code", None) or 0) or None
    except (TypeError, ValueError):
        return None


def _body_code(error: Exception) -> object:
    body = getattr(error, "body", None)
    return cast("Mapping[str, object]", body).get("code") if isinstance(body, Mapping) else None


def _reason(error: Exception, secret: str | None) -> str:
    """What the node said, without LiteLLM's prefixes."""
    said = str(getattr(error, "message", "") or error)
    said = said.rpartition("Exception - ")[2] or type(error).__name__
    if secret:
        said = said.replace(secret, "***")
    return clipped(printable(said).strip() or type(error).__name__, _MESSAGE_LIMIT)


def _retry_after(error: Exception) -> float | None:
    """Seconds from a `Retry-After` header, given as a number or as a date (RFC 9110 §10.2.3)."""
    for headers in (
        getattr(error, "litellm_response_headers", None),
        getattr(getattr(error, "response", None), "headers", None),
    ):
        if isinstance(headers, Mapping):
            value = cast("Mapping[str, object]", headers).get("retry-after")
            if isinstance(value, str):
                return _seconds(value)
    return None


def _seconds(value: str) -> float | None:
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
