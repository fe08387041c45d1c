"""What can go wrong.

```
TreeholdError
├── ConfigurationError   no key, or an address that is none
├── TransportError       no answer, or the connection was lost, after all retries
├── ApiError             the server refused; `code` says why
│   ├── InvalidRequest   400, 413, 422
│   ├── AccessDenied     401, 403
│   ├── NotFound         404, also for what belongs to others
│   ├── Conflict         409
│   └── RateLimited      429, with `retry_after` seconds
├── TaskFailed           the task ended without an answer
├── OutputMismatch       the answer does not fit the model it was asked in
└── WaitTimeout          the task still runs
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import httpx

if TYPE_CHECKING:
    from treehold.models import Task


class TreeholdError(Exception):
    """Base of every error this package raises."""


class ConfigurationError(TreeholdError):
    pass


class TransportError(TreeholdError):
    pass


class ApiError(TreeholdError):
    """An answer that is an error.

    Attributes:
        code: a stable word, such as `budget_exhausted`.
        retryable: whether the same request may succeed later.
        problem: the whole problem document (RFC 9457), as far as there was one.
    """

    def __init__(self, message: str, *, status: int, code: str, problem: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.retryable = bool(problem.get("retryable", False))
        self.problem = problem


class InvalidRequest(ApiError):
    pass


class AccessDenied(ApiError):
    pass


class NotFound(ApiError):
    pass


class Conflict(ApiError):
    pass


class RateLimited(ApiError):
    """Attributes: `retry_after`, in seconds, where the server said so."""

    retry_after: float | None = None


class TaskFailed(TreeholdError):
    """Attributes: `task`, as it ended."""

    def __init__(self, task: Task[Any]) -> None:
        reason = f"{task.error.code}: {task.error.message}" if task.error else task.stop_reason or "no answer"
        super().__init__(f"task {task.id} is {task.status} ({reason})")
        self.task = task


class OutputMismatch(TreeholdError):
    """Attributes: `task`, as it ended."""

    def __init__(self, task: Task[Any], reason: str) -> None:
        super().__init__(f"the output of task {task.id} does not fit: {reason}")
        self.task = task


class WaitTimeout(TreeholdError, TimeoutError):
    """The task goes on; wait for it again, or cancel it."""

    def __init__(self, task_id: str) -> None:
        super().__init__(f"task {task_id} is still running")
        self.task_id = task_id


_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: InvalidRequest,
    401: AccessDenied,
    403: AccessDenied,
    404: NotFound,
    409: Conflict,
    413: InvalidRequest,
    422: InvalidRequest,
    429: RateLimited,
}


def from_response(response: httpx.Response, *, retry_after: float | None = None) -> ApiError:
    """The error that an error answer, already read, stands for."""
    problem = _problem(response)
    code = str(problem.get("code") or f"http_{response.status_code}")
    detail = str(problem.get("detail") or problem.get("title") or response.reason_phrase)
    kind = _BY_STATUS.get(response.status_code, ApiError)
    error = kind(f"{detail} ({code})", status=response.status_code, code=code, problem=problem)
    if isinstance(error, RateLimited):
        error.retry_after = retry_after
    return error


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return cast(dict[str, Any], found) if isinstance(found, dict) else {}
