"""A gateway whose calls are counted."""

from __future__ import annotations

from core.clock import Clock
from core.errors import TreeholdError
from core.metrics import Metrics
from inference.model import ModelDescription, ModelHealth, ModelReply, ModelRequest, Usage
from inference.ports import CallObserver, Gateway, RetryNotice
from inference.reservation import Reservation


class MeteredGateway:
    """`Gateway`, over another one."""

    def __init__(self, gateway: Gateway, metrics: Metrics, clock: Clock) -> None:
        self._gateway = gateway
        self._metrics = metrics
        self._clock = clock
        self._model = gateway.describe().name

    async def complete(
        self, request: ModelRequest, observer: CallObserver, reserved: Reservation | None = None
    ) -> ModelReply:
        """As the gateway below does."""
        started = self._clock.monotonic()
        outcome = "cancelled"
        try:
            reply = await self._gateway.complete(
                request, _Counting(observer, self._metrics, self._model), reserved
            )
            outcome = "ok"
            return reply
        except TreeholdError as error:
            outcome = error.code
            raise
        finally:
            self._metrics.model_calls.labels(self._model, outcome).inc()
            self._metrics.model_seconds.labels(self._model).observe(self._clock.monotonic() - started)

    def reservation(self, request: ModelRequest) -> Reservation:
        return self._gateway.reservation(request)

    def price(self, usage: Usage) -> int:
        return self._gateway.price(usage)

    def priced(self) -> bool:
        return self._gateway.priced()

    def describe(self) -> ModelDescription:
        return self._gateway.describe()

    async def check(self) -> ModelHealth:
        return await self._gateway.check()

    async def aclose(self) -> None:
        await self._gateway.aclose()


class _Counting:
    """`CallObserver` that counts what passes."""

    def __init__(self, observer: CallObserver, metrics: Metrics, model: str) -> None:
        self._observer = observer
        self._metrics = metrics
        self._model = model

    async def retrying(self, notice: RetryNotice) -> None:
        self._metrics.model_retries.labels(self._model, notice.reason).inc()
        await self._observer.retrying(notice)

    async def first_token(self, seconds: float) -> None:
        self._metrics.model_first_token.labels(self._model).observe(seconds)
        await self._observer.first_token(seconds)

    async def spent(self, usage: Usage, cost_micros: int) -> None:
        tokens = self._metrics.model_tokens
        tokens.labels(self._model, "prompt").inc(usage.prompt_tokens)
        tokens.labels(self._model, "completion").inc(usage.completion_tokens)
        tokens.labels(self._model, "cached").inc(usage.cached_tokens)
        self._metrics.model_cost.labels(self._model).inc(cost_micros / 1_000_000)
        await self._observer.spent(usage, cost_micros)
