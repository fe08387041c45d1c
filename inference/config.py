"""What a provider and its gateway are built from; the composition root fills it from settings."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """One model and the patience for it.

    Attributes:
        model: a name the node at `base_url` knows, or `provider/name` as LiteLLM spells it.
        base_url: an OpenAI-compatible node, ending in /v1.
        connect_seconds: limit for opening a connection.
        first_token_seconds: limit from the request to the first chunk.
        stall_seconds: limit between chunks.
        total_seconds: limit for one call to the node, and for starting another after a failure.
        max_attempts: calls to the node before a retryable failure is final.
        price_prompt: dollars per million prompt tokens; both prices 0 means not configured.
        price_completion: dollars per million completion tokens.
    """

    model: str
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    connect_seconds: float = 10.0
    first_token_seconds: float = 120.0
    stall_seconds: float = 60.0
    total_seconds: float = 900.0
    max_attempts: int = 4
    price_prompt: float = 0.0
    price_completion: float = 0.0
