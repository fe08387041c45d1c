"""The model gateway: retry, structured output and metering over any one provider."""

from __future__ import annotations

from dataclasses import dataclass

from core.clock import Clock, SystemClock
from core.errors import ModelError, ModelOutputInvalid, ModelRefused, ModelRejected
from inference.failure import Unreachable, is_free
from inference.ladder import RUNGS, Rung, read, repaired, shaped, spoken, wants_tools
from inference.model import (
    NO_USAGE,
    UNKNOWN_USAGE,
    ModelDescription,
    ModelHealth,
    ModelReply,
    ModelRequest,
    Usage,
)
from inference.ports import CallObserver, ModelProvider, Progress, Reason, RetryNotice
from inference.reservation import NOTHING, Reservation, Reserver
from inference.retry import Jitter, RetryPolicy, system_jitter
from inference.structure import OutputProblem, compiled


class ModelGateway:
    """Answers requests through one provider; one instance per node and model.

    It remembers which way of asking for structure the node understands, whether it ever answered, and what
    calls used.
    """

    def __init__(
        self,
        provider: ModelProvider,
        *,
        policy: RetryPolicy | None = None,
        clock: Clock | None = None,
        jitter: Jitter = system_jitter,
    ) -> None:
        self._provider = provider
        self._policy = policy or RetryPolicy()
        self._clock = clock or SystemClock()
        self._jitter = jitter
        self._rung: Rung = RUNGS[0]
        self._met = False
        self._reserver = Reserver()

    async def complete(
        self, request: ModelRequest, observer: CallObserver, reserved: Reservation | None = None
    ) -> ModelReply:
        """Answers, after bounded retries and at most one repair.

        Raises:
            ModelError: one of its kinds, when no usable answer came.
            InvalidInput: the output schema is not a JSON Schema.
        """
        meter = _Meter(
            provider=self._provider,
            observer=observer,
            started=self._clock.monotonic(),
            room=request.max_tokens if reserved is None else reserved.max_tokens,
        )
        if request.output_schema is None:
            return meter.total(await self._send(meter, request))
        schema = compiled(request.output_schema)
        reply, asked = await self._descend(meter, request)
        if wants_tools(reply, request):
            return meter.total(reply)
        try:
            output = read(reply, request.output_name, schema)
        except OutputProblem as problem:
            again = repaired(asked, request.output_schema, reply, problem)
            invalid = ModelOutputInvalid(str(problem))
            await meter.announce("repair", invalid, needed=self._reserver.reservation(again, meter.room))
            reply = await self._send(meter, again)
            try:
                output = read(reply, request.output_name, schema)
            except OutputProblem as second:
                message = f"the model's output stayed invalid after one repair: {second}"
                raise ModelOutputInvalid(message) from second
        content = spoken(reply, output)
        return meter.total(reply).model_copy(update={"output": output, "content": content, "tool_calls": ()})

    def reservation(self, request: ModelRequest) -> Reservation:
        """What to reserve for the call, and then to hand to `complete`."""
        schema = request.output_schema
        return self._reserver.reservation(request if schema is None else shaped(request, schema, self._rung))

    def price(self, usage: Usage) -> int:
        """Micro-dollars, rounded up; 0 when no price is known."""
        return self._provider.price(usage) or 0

    def priced(self) -> bool:
        """Whether a price is known, which may be zero."""
        return self._provider.price(NO_USAGE) is not None

    def describe(self) -> ModelDescription:
        return self._provider.describe()

    async def check(self) -> ModelHealth:
        """Looks whether the node answers, without spending tokens."""
        return await self._provider.check()

    async def aclose(self) -> None:
        """Closes the provider."""
        await self._provider.aclose()

    async def _descend(self, meter: _Meter, request: ModelRequest) -> tuple[ModelReply, ModelRequest]:
        """Asks on the remembered rung and, where the node rejects that, on the ones below it.

        A lower rung is remembered only once it was answered, so that a request the node would reject in
        any form does not teach us anything.
        """
        schema = request.output_schema or {}
        rungs = RUNGS[RUNGS.index(self._rung) :]
        for rung in rungs:
            asked = shaped(request, schema, rung)
            try:
                reply = await self._send(meter, asked)
            except ModelRejected as error:
                if error.code != ModelRejected.code or rung == rungs[-1]:
                    raise
                await meter.announce("fallback", error, needed=NOTHING)
                continue
            if RUNGS.index(rung) > RUNGS.index(self._rung):
                self._rung = rung
            return reply, asked
        raise AssertionError("the last rung answers or raises")

    async def _send(self, meter: _Meter, request: ModelRequest) -> ModelReply:
        """One answer to one form of the request, retried by kind of error, and its ending checked."""
        while True:
            asked = request.model_copy(update={"max_tokens": min(meter.room, request.max_tokens)})
            watch = _FirstToken(meter.observer.first_token)
            meter.attempts += 1
            try:
                reply = await self._provider.complete(asked, on_progress=watch)
            except ModelError as error:
                self._met = self._met or not isinstance(error, Unreachable)
                lost = watch.seen or not is_free(error)
                if lost:
                    await meter.count(UNKNOWN_USAGE)
                await self._wait_or_raise(meter, asked, error, lost=lost)
                continue
            self._met = True
            await meter.count(reply.usage)
            if reply.finish_reason == "length" and asked.max_tokens < request.max_tokens:
                await self._make_room(meter, request)
                continue
            self._reserver.learn(asked, reply)
            _check_ending(reply, asked)
            return reply

    async def _make_room(self, meter: _Meter, request: ModelRequest) -> None:
        """The reply was longer than those like it: ask again, for all that the request allows."""
        meter.room = request.max_tokens
        cut = ModelOutputInvalid("the reply needs more tokens than were reserved for it")
        await meter.announce("longer", cut, needed=self._reserver.reservation(request, meter.room))

    async def _wait_or_raise(
        self, meter: _Meter, request: ModelRequest, error: ModelError, *, lost: bool
    ) -> None:
        now = self._clock.monotonic()
        meter.failures += 1
        meter.failed = now if meter.failed is None else meter.failed
        delay = self._policy.delay(
            error,
            failures=meter.failures,
            elapsed=now - meter.started,
            failing=now - meter.failed,
            met=self._met,
            jitter=self._jitter,
        )
        if delay is None:
            raise error
        needed = self._reserver.reservation(request, meter.room) if lost else NOTHING
        await meter.announce("failure", error, delay=delay, needed=needed)
        await self._clock.sleep(delay)


@dataclass(kw_only=True)
class _Meter:
    """What one gateway call has used so far, over all its calls to the node."""

    provider: ModelProvider
    observer: CallObserver
    started: float
    room: int
    """Tokens a reply may have."""
    attempts: int = 0
    failures: int = 0
    failed: float | None = None
    """When it failed first."""
    usage: Usage = NO_USAGE
    cost: int = 0
    priced: bool = True

    async def count(self, usage: Usage) -> None:
        cost = self.provider.price(usage)
        self.usage += usage
        self.cost += cost or 0
        self.priced = self.priced and cost is not None
        await self.observer.spent(usage, cost or 0)

    async def announce(
        self, reason: Reason, error: ModelError, *, needed: Reservation, delay: float = 0.0
    ) -> None:
        notice = RetryNotice(
            reason=reason,
            code=error.code,
            message=error.message,
            attempt=self.attempts + 1,
            delay=delay,
            needed=needed,
        )
        await self.observer.retrying(notice)

    def total(self, reply: ModelReply) -> ModelReply:
        return reply.model_copy(
            update={
                "usage": self.usage,
                "cost_micros": self.cost,
                "priced": self.priced,
                "attempts": self.attempts,
            }
        )


class _FirstToken:
    """Passes the first token on, and remembers that the node had begun to answer."""

    def __init__(self, listener: Progress) -> None:
        self.seen = False
        self._listener = listener

    async def __call__(self, seconds: float) -> None:
        if not self.seen:
            self.seen = True
            await self._listener(seconds)


def _check_ending(reply: ModelReply, request: ModelRequest) -> None:
    match reply.finish_reason:
        case "length":
            raise ModelOutputInvalid(f"the reply was cut off at max_tokens ({request.max_tokens})")
        case "refusal":
            raise ModelRefused("the model declined to answer")
        case "content_filter":
            raise ModelRefused("the provider's content filter withheld the answer")
        case "stop" | "tool_calls":
            return
