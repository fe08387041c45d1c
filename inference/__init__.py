"""Model access: requests and replies as values, the gateway over any provider, and what it is built from.

`inference.litellm_provider` is imported by the composition root alone.
"""

from inference.config import ModelConfig
from inference.gateway import ModelGateway
from inference.model import (
    Message,
    ModelDescription,
    ModelHealth,
    ModelReply,
    ModelRequest,
    ToolCall,
    ToolDefinition,
    Usage,
)
from inference.ports import CallObserver, Gateway, ModelProvider, Progress, RetryNotice, SilentObserver
from inference.reservation import Reservation
from inference.retry import RetryPolicy
from inference.structure import OutputProblem, OutputSchema, parse_strict

__all__ = [
    "CallObserver",
    "Gateway",
    "Message",
    "ModelConfig",
    "ModelDescription",
    "ModelGateway",
    "ModelHealth",
    "ModelProvider",
    "ModelReply",
    "ModelRequest",
    "OutputProblem",
    "OutputSchema",
    "Progress",
    "Reservation",
    "RetryNotice",
    "RetryPolicy",
    "SilentObserver",
    "ToolCall",
    "ToolDefinition",
    "Usage",
    "parse_strict",
]
