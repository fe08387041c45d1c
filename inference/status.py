"""What a node's error status means: our kinds of model error, told without the key."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from core.errors import ModelError, ModelRateLimited, ModelRejected, ModelTimeout, ModelUnavailable
from core.text import clipped, printable
from inference.config import ModelConfig
from inference.failure import KEY_REFUSED, KEY_WANTED, NotBegun, named

POLICY_CODES = frozenset({"content_policy_violation", "content_filter"})
"""Of a body: the node will not answer this."""

_MESSAGE_LIMIT = 300
_REJECTED_FOR = {
    402: "model_access_denied",
    404: "model_not_found",
    413: "context_window_exceeded",
}
_TOO_EARLY = 425
_UNSUPPORTED = 501


def by_status(
    status: int | None,
    reason: str,
    config: ModelConfig,
    *,
    answered: bool,
    retry_after: float | None = None,
) -> ModelError:
    """The error for a status.

    Args:
        status: of HTTP, or one in a stream; None where there is none.
        reason: what the node said, from `told`.
        config: which model, and where.
        answered: whether the status came in place of a reply, so that the call used nothing.
        retry_after: seconds the node asked for.
    """
    message = f"{named(config)}: {reason}"
    unavailable = NotBegun if answered else ModelUnavailable
    match status:
        case 408 | 504:
            return ModelTimeout(message)
        case 429:
            wish = "" if retry_after is None else f" (it asks to be left alone for {retry_after:g} s)"
            return ModelRateLimited(f"{message}{wish}", retry_after=retry_after)
        case 401 | 403:
            why = KEY_WANTED if config.api_key is None else KEY_REFUSED
            return ModelRejected(f"{named(config)} {why} ({reason})", code="model_access_denied")
        case int() if status != _TOO_EARLY and (400 <= status < 500 or status == _UNSUPPORTED):
            return ModelRejected(message, code=_REJECTED_FOR.get(status))
        case _:
            return unavailable(message)


def told(said: str, config: ModelConfig, *, otherwise: str) -> str:
    """What may be shown of what a node said: one short line without the key, `otherwise` if it is empty."""
    if config.api_key:
        said = said.replace(config.api_key, "***")
    return clipped(printable(said).strip() or otherwise, _MESSAGE_LIMIT)


def wait_seconds(value: str) -> float | None:
    """A `Retry-After` header, which is a number or a date (RFC 9110 §10.2.3)."""
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
