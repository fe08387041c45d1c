"""LiteLLM's, the openai client's and httpx's exceptions, as our kinds of model error."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
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
from inference.config import ModelConfig
from inference.failure import KEY_REFUSED, KEY_WANTED, NotBegun, named, unreachable
from inference.litellm_library import LiteLLMLibrary

_MESSAGE_LIMIT = 300
_REJECTED_FOR = {
    402: "model_access_denied",
    404: "model_not_found",
    413: "context_window_exceeded",
}
_TOO_EARLY = 425
_UNSUPPORTED = 501
_POLICY_CODES = {"content_policy_violation", "content_filter"}
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
    reason = _reason(error, config.api_key)
    message = f"{named(config)}: {reason}"
    if isinstance(error, TimeoutError | asyncio.TimeoutError | library.openai.APITimeoutError):
        return ModelTimeout(message)
    if isinstance(error, ImportError):
        return ModelRejected(message, code="model_provider_not_installed")
    if isinstance(error, library.openai.RateLimitError):
        return _rate_limited(error, message)
    if isinstance(error, kinds.ContextWindowExceededError):
        return ModelRejected(message, code="context_window_exceeded")
    if isinstance(error, kinds.ContentPolicyViolationError) or _body_code(error) in _POLICY_CODES:
        return ModelRefused(message)
    answered = any(
        isinstance(cause, library.openai.APIStatusError | library.httpx.HTTPStatusError)
        for cause in causes
        if cause is not error
    )
    if not answered and _NO_KEY.search(reason):
        return ModelRejected(f"{named(config)} {KEY_WANTED} ({reason})", code="model_access_denied")
    return _by_status(error, reason, config, answered=answered)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from or over, each once."""
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or following.__context__


def _rate_limited(error: Exception, message: str) -> ModelRateLimited:
    asked = _retry_after(error)
    wish = "" if asked is None else f" (it asks to be left alone for {asked:g} s)"
    return ModelRateLimited(f"{message}{wish}", retry_after=asked)


def _by_status(error: Exception, reason: str, config: ModelConfig, *, answered: bool) -> ModelError:
    """`answered`: an HTTP response stands behind the status, which LiteLLM otherwise invents."""
    status, message = _status(error), f"{named(config)}: {reason}"
    unavailable = NotBegun if answered else ModelUnavailable
    match status:
        case 408 | 504:
            return ModelTimeout(message)
        case 429:
            return _rate_limited(error, message)
        case 401 | 403:
            why = KEY_WANTED if config.api_key is None else KEY_REFUSED
            return ModelRejected(f"{named(config)} {why} ({reason})", code="model_access_denied")
        case int() if status != _TOO_EARLY and (400 <= status < 500 or status == _UNSUPPORTED):
            return ModelRejected(message, code=_REJECTED_FOR.get(status))
        case _:
            return unavailable(message)


def _status(error: Exception) -> int | None:
    try:
        return int(getattr(error, "status_code", None) or 0) or None
    except (TypeError, ValueError):
        return None


def _body_code(error: Exception) -> object:
    body = getattr(error, "body", None)
    return cast("Mapping[str, object]", body).get("code") if isinstance(body, Mapping) else None


def _reason(error: Exception, secret: str | None) -> str:
    """What the node said, without what LiteLLM puts before and behind it."""
    said = str(getattr(error, "message", "") or error).partition("\nTraceback")[0]
    said = _PREFIX.sub("", said)
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
