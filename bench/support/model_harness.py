"""The model gateway over a real provider, with a scripted node and a clock that never waits."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from bench.support.fake_clock import FakeClock
from bench.support.scripted_node import Script, ScriptedNode
from inference import (
    Message,
    ModelConfig,
    ModelGateway,
    ModelReply,
    ModelRequest,
    RetryNotice,
    RetryPolicy,
    Usage,
)
from inference.litellm_files import names_provider
from inference.litellm_provider import LiteLLMProvider
from inference.ports import ModelProvider
from orchestrator.bootstrap import provider_of

API_KEY = "sk-canary-0123456789"


ProviderName = Literal["node", "litellm"]


@dataclass
class Choice:
    """Which provider stands behind the gateway, where either can."""

    provider: ProviderName = "node"


CHOICE = Choice()


class RecordingObserver:
    """Remembers everything it is told."""

    def __init__(self) -> None:
        self.notices: list[RetryNotice] = []
        self.first_tokens: list[float] = []
        self.spends: list[tuple[Usage, int]] = []

    async def retrying(self, notice: RetryNotice) -> None:
        self.notices.append(notice)

    async def first_token(self, seconds: float) -> None:
        self.first_tokens.append(seconds)

    async def spent(self, usage: Usage, cost_micros: int) -> None:
        self.spends.append((usage, cost_micros))


@dataclass(kw_only=True)
class ModelHarness:
    node: ScriptedNode
    gateway: ModelGateway
    clock: FakeClock = field(default_factory=FakeClock)
    observer: RecordingObserver = field(default_factory=RecordingObserver)

    async def ask(self, **changes: Any) -> ModelReply:
        """Sends `question` with some fields changed."""
        return await self.gateway.complete(question(**changes), self.observer)


def question(**changes: Any) -> ModelRequest:
    """A small request; `changes` replace its fields."""
    fields: dict[str, Any] = {
        "kind": "act",
        "messages": (Message(role="system", content="Be brief."), Message(role="user", content="Hello?")),
    }
    return ModelRequest(**(fields | changes))


@asynccontextmanager
async def model_harness(
    script: Script,
    *,
    max_attempts: int = 3,
    total_seconds: float = 900.0,
    call_seconds: float = 30.0,
    **config: Any,
) -> AsyncGenerator[ModelHarness]:
    """A node following `script` and a gateway to it; `config` replaces fields of `ModelConfig`.

    `total_seconds` bounds the retries on the fake clock, `call_seconds` each call on the real one.
    """
    clock = FakeClock()
    policy = RetryPolicy(max_attempts=max_attempts, total_seconds=total_seconds)
    async with ScriptedNode(script) as node:
        fields: dict[str, Any] = {
            "model": "scripted",
            "base_url": node.base_url,
            "api_key": API_KEY,
            "total_seconds": call_seconds,
        }
        gateway = ModelGateway(
            _provider(ModelConfig(**(fields | config))), policy=policy, clock=clock, jitter=lambda: 1.0
        )
        try:
            yield ModelHarness(node=node, gateway=gateway, clock=clock)
        finally:
            await gateway.aclose()


def _provider(config: ModelConfig) -> ModelProvider:
    if CHOICE.provider == "node" or config.base_url is None or names_provider(config.model):
        return provider_of(config)
    return LiteLLMProvider(replace(config, model=f"openai/{config.model}"))
