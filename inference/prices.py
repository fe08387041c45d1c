"""What tokens cost: the operator's own prices, else the list LiteLLM publishes in its package."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from inference.config import ModelConfig
from inference.litellm_files import published_entry
from inference.model import Usage


@dataclass(frozen=True, kw_only=True)
class TokenPrice:
    """Dollars per token."""

    prompt: float
    completion: float
    cached: float

    def micros(self, usage: Usage) -> int:
        """Micro-dollars for a usage, rounded up."""
        cached = min(usage.cached_tokens, usage.prompt_tokens)
        dollars = (
            (usage.prompt_tokens - cached) * self.prompt
            + cached * self.cached
            + usage.completion_tokens * self.completion
        )
        return math.ceil(round(dollars * 1e6, 6))


def known_price(config: ModelConfig) -> TokenPrice | None:
    """The operator's own price, else the published one; None when there is none."""
    return _known(config.model, config.price_prompt, config.price_completion)


@lru_cache(maxsize=64)
def _known(model: str, prompt: float, completion: float) -> TokenPrice | None:
    return configured_price(prompt=prompt, completion=completion) or published_price(model)


def configured_price(*, prompt: float, completion: float) -> TokenPrice | None:
    """The operator's prices, given in dollars per million tokens; None when both are 0."""
    if prompt <= 0 and completion <= 0:
        return None
    return TokenPrice(prompt=prompt / 1e6, completion=completion / 1e6, cached=prompt / 1e6)


def published_price(model: str) -> TokenPrice | None:
    """The published price of `provider/name` or a bare name, if there is one."""
    entry = published_entry(model)
    return None if entry is None else _price(entry)


def _price(entry: dict[str, object]) -> TokenPrice | None:
    prompt = entry.get("input_cost_per_token")
    completion = entry.get("output_cost_per_token")
    if not isinstance(prompt, int | float) or not isinstance(completion, int | float):
        return None
    cached = entry.get("cache_read_input_token_cost")
    return TokenPrice(
        prompt=prompt,
        completion=completion,
        cached=cached if isinstance(cached, int | float) else prompt,
    )
