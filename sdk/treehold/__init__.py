"""The Python SDK of Treehold: submit tasks to a server, follow them, and get typed results."""

from treehold.async_client import AsyncTreehold
from treehold.client import Treehold
from treehold.endpoints import ForkOptions, RunOptions, TaskOptions
from treehold.errors import (
    AccessDenied,
    ApiError,
    ConfigurationError,
    Conflict,
    InvalidRequest,
    NotFound,
    OutputMismatch,
    RateLimited,
    TaskFailed,
    TransportError,
    TreeholdError,
    WaitTimeout,
)
from treehold.models import (
    Agent,
    Answer,
    Artifact,
    Budget,
    Call,
    Citation,
    Event,
    Failure,
    ModelDescription,
    Node,
    Task,
    TaskStatus,
    Tree,
    Usage,
)
from treehold.result import Result
from treehold.retry import Retry

__all__ = [
    "AccessDenied",
    "Agent",
    "Answer",
    "ApiError",
    "Artifact",
    "AsyncTreehold",
    "Budget",
    "Call",
    "Citation",
    "ConfigurationError",
    "Conflict",
    "Event",
    "Failure",
    "ForkOptions",
    "InvalidRequest",
    "ModelDescription",
    "Node",
    "NotFound",
    "OutputMismatch",
    "RateLimited",
    "Result",
    "Retry",
    "RunOptions",
    "Task",
    "TaskFailed",
    "TaskOptions",
    "TaskStatus",
    "TransportError",
    "Tree",
    "Treehold",
    "TreeholdError",
    "Usage",
    "WaitTimeout",
]
