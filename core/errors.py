"""The error tree.

```
TreeholdError
├── ConfigurationError      settings or environment; the operator must act
├── InvalidInput            the caller's request is wrong; says what to do
├── NotFound                no such thing, or not this tenant's
├── Conflict                the thing is in another state
├── QueueFull               too much waits already, with `retry_after` seconds (retryable)
├── AccessDenied            no key, a wrong key, or a missing scope
├── StorageError            Postgres or the vector index failed
├── WorkerFailed            a part of this process's worker ended
├── ModelError
│   ├── ModelUnavailable    connection refused, 5xx, stream cut (retryable)
│   ├── ModelTimeout        no byte within the limit (retryable)
│   ├── ModelRateLimited    429, with `retry_after` seconds (retryable)
│   ├── ModelRejected       the node refused the request itself (4xx)
│   ├── ModelRefused        the model declined to answer
│   └── ModelOutputInvalid  not the promised structure, also after repair
├── ToolError
│   ├── ToolDenied          capability, taint or policy said no
│   ├── ToolInputInvalid    arguments do not fit the schema
│   └── ToolFailed          the tool ran and failed
├── GateRefused             a return did not pass the isolation gate
├── BudgetExhausted         a limit of the grant is reached
└── AgentFailed             an agent ended without a usable return
```

Control signals, which are not failures, live in `core.signals`.
"""

from __future__ import annotations

from typing import Literal

BudgetLimit = Literal["tokens", "cost", "tool_calls", "depth", "fanout", "deadline", "model_calls", "loop"]
"""`loop` is the platform's own: an agent that gets nowhere is stopped before its grant is spent."""

STOPPED = "stopped"
"""Code of an agent of a fork that ends where its source was stopped: its step is neither done nor failed."""

GateCode = Literal[
    "not_json",
    "not_an_object",
    "too_large",
    "too_deep",
    "schema_mismatch",
    "quote_not_found",
    "forbidden_characters",
]


class TreeholdError(Exception):
    """Base of every error this application raises.

    Attributes:
        code: a stable, machine-readable word, shown in API problems and events.
        retryable: whether the same request may succeed later.
    """

    code: str = "internal"
    retryable: bool = False

    def __init__(self, message: str, *, code: str | None = None, retryable: bool | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        if retryable is not None:
            self.retryable = retryable


class ConfigurationError(TreeholdError):
    code = "configuration"


class InvalidInput(TreeholdError):
    code = "invalid_input"


class NotFound(TreeholdError):
    code = "not_found"


class Conflict(TreeholdError):
    code = "conflict"


class QueueFull(TreeholdError):
    code = "queue_full"
    retryable = True

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class AccessDenied(TreeholdError):
    code = "access_denied"


class StorageError(TreeholdError):
    code = "storage_unavailable"
    retryable = True


class WorkerFailed(TreeholdError):
    code = "worker_failed"


class ModelError(TreeholdError):
    code = "model_error"


class ModelUnavailable(ModelError):
    code = "model_unavailable"
    retryable = True


class ModelTimeout(ModelError):
    code = "model_timeout"
    retryable = True


class ModelRateLimited(ModelError):
    code = "model_rate_limited"
    retryable = True

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class ModelRejected(ModelError):
    code = "model_rejected"


class ModelRefused(ModelError):
    code = "model_refused"


class ModelOutputInvalid(ModelError):
    code = "model_output_invalid"


class ToolError(TreeholdError):
    code = "tool_error"


class ToolDenied(ToolError):
    code = "tool_denied"


class ToolInputInvalid(ToolError):
    code = "tool_input_invalid"


class ToolFailed(ToolError):
    code = "tool_failed"


class ToolTimedOut(ToolFailed):
    """Cut off in its middle: what it began outside may or may not take effect."""

    code = "tool_timed_out"


class GateRefused(TreeholdError):
    """A return that may not cross; the message never quotes the refused text."""

    code = "gate_refused"

    def __init__(self, reason: GateCode, where: str = "") -> None:
        super().__init__(f"{reason} at {where}" if where else reason)
        self.reason: GateCode = reason
        self.where = where


class BudgetExhausted(TreeholdError):
    code = "budget_exhausted"

    def __init__(self, limit: BudgetLimit, message: str | None = None) -> None:
        super().__init__(message or f"the grant's {limit} limit is reached")
        self.limit: BudgetLimit = limit


class AgentFailed(TreeholdError):
    code = "agent_failed"
