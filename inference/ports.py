"""The contents page of inference: what callers use, and what a source of answers must offer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from inference.model import ModelDescription, ModelHealth, ModelReply, ModelRequest, Usage
from inference.reservation import Reservation

Progress = Callable[[float], Awaitable[None]]
"""Told once per call, at the first token, how many seconds it took."""

Reason = Literal["failure", "fallback", "repair", "longer"]
"""Why a node is called again."""


@dataclass(frozen=True, kw_only=True)
class RetryNotice:
    """Another call to the node is about to be made.

    Attributes:
        reason: `failure` (the last one failed), `fallback` (the node lacks a way of asking for structure),
            `repair` (the reply did not fit its schema) or `longer` (the room reserved for it was too small).
        code: the error's stable code.
        message: for people; never quotes the model.
        attempt: which call this will be, from 2.
        delay: seconds until it is made.
        needed: what it may use beyond the reservation already held; nothing when the call it replaces used
            nothing.
    """

    reason: Reason
    code: str
    message: str
    attempt: int
    delay: float
    needed: Reservation

    @property
    def tokens(self) -> int:
        return self.needed.tokens


class CallObserver(Protocol):
    """Follows one gateway call. An exception raised here ends the call and reaches the caller."""

    async def retrying(self, notice: RetryNotice) -> None:
        """Before every call to the node but the first: the place to reserve `notice.needed` or refuse."""
        ...

    async def first_token(self, seconds: float) -> None: ...

    async def spent(self, usage: Usage, cost_micros: int) -> None:
        """After every call that may have been billed, also when its reply was unusable."""
        ...


class Gateway(Protocol):
    """How agents and the engine reach a model. It knows neither journal nor budget: they wrap it."""

    async def complete(
        self, request: ModelRequest, observer: CallObserver, reserved: Reservation | None = None
    ) -> ModelReply:
        """Answers, after bounded retries and at most one repair.

        Args:
            request: what to ask.
            observer: follows the call.
            reserved: what is held for it; the node is told to keep to it.

        Raises:
            ModelError: one of its kinds, when no usable answer came.
            InvalidInput: the output schema is not a JSON Schema.
        """
        ...

    def reservation(self, request: ModelRequest) -> Reservation:
        """What to reserve for the call, and then to hand to `complete`."""
        ...

    def price(self, usage: Usage) -> int:
        """Micro-dollars, rounded up; 0 when no price is known."""
        ...

    def priced(self) -> bool:
        """Whether a price is known, which may be zero. May read a file of some megabytes."""
        ...

    def describe(self) -> ModelDescription: ...

    async def check(self) -> ModelHealth: ...

    async def aclose(self) -> None: ...


class ModelProvider(Protocol):
    """One source of answers: a node, a hosted provider, or the offline model."""

    async def complete(self, request: ModelRequest, *, on_progress: Progress) -> ModelReply:
        """Makes one call, without retry.

        With `output_schema` set it asks for that structure natively, and raises `ModelRejected` where the
        node cannot; the gateway validates.

        Raises:
            ModelError: the kind tells the gateway whether to try again.
        """
        ...

    def price(self, usage: Usage) -> int | None:
        """Micro-dollars, rounded up; None when no price is known."""
        ...

    def describe(self) -> ModelDescription: ...

    async def check(self) -> ModelHealth:
        """Looks whether the node answers, without spending tokens. Never raises."""
        ...

    async def aclose(self) -> None:
        """Closes connections and background work; safe to call twice."""
        ...


class SilentObserver:
    """An observer that lets everything pass."""

    async def retrying(self, notice: RetryNotice) -> None:
        return

    async def first_token(self, seconds: float) -> None:
        return

    async def spent(self, usage: Usage, cost_micros: int) -> None:
        return
