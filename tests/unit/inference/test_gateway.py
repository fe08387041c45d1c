"""The gateway over a provider that is not LiteLLM: every provider is treated alike."""

from __future__ import annotations

import pytest

from bench.support.fake_clock import FakeClock
from bench.support.model_harness import RecordingObserver, question
from core.errors import ModelOutputInvalid, ModelUnavailable
from inference import (
    ModelDescription,
    ModelGateway,
    ModelHealth,
    ModelReply,
    ModelRequest,
    Progress,
    Usage,
)

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


class RuleModel:
    """A model inside the process, as the offline one is."""

    def __init__(self, *replies: ModelReply | Exception) -> None:
        self.requests: list[ModelRequest] = []
        self.closed = False
        self._replies = list(replies)

    async def complete(self, request: ModelRequest, *, on_progress: Progress) -> ModelReply:
        self.requests.append(request)
        reply = self._replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        await on_progress(0.25)
        await on_progress(0.5)
        return reply

    def price(self, usage: Usage) -> int | None:
        return usage.total * 2

    def describe(self) -> ModelDescription:
        return ModelDescription(name="rules", provider="offline", offline=True)

    async def check(self) -> ModelHealth:
        return ModelHealth(reachable=True, detail="in this process")

    async def aclose(self) -> None:
        self.closed = True


def said(content: str) -> ModelReply:
    return ModelReply(content=content, usage=Usage(prompt_tokens=10, completion_tokens=5))


async def test_the_request_reaches_the_provider_whole() -> None:
    model = RuleModel(said('{"n": 1}'))
    asked = question(output_schema=SCHEMA, metadata={"inputs": ["a.md"]})
    reply = await ModelGateway(model).complete(asked, RecordingObserver())
    assert model.requests == [asked]
    assert (reply.output, reply.cost_micros, reply.priced) == ({"n": 1}, 30, True)


async def test_usage_and_cost_cover_the_repair_too() -> None:
    model, observer = RuleModel(said("{}"), said('{"n": 2}')), RecordingObserver()
    reply = await ModelGateway(model).complete(question(output_schema=SCHEMA), observer)
    assert (reply.usage.total, reply.cost_micros, reply.attempts) == (30, 60, 2)
    assert observer.spends == [(said("").usage, 30), (said("").usage, 30)]


async def test_the_first_token_is_reported_once_per_call() -> None:
    observer = RecordingObserver()
    await ModelGateway(RuleModel(said("x"))).complete(question(), observer)
    assert observer.first_tokens == [0.25]


async def test_retries_wait_on_the_given_clock() -> None:
    clock = FakeClock()
    gateway = ModelGateway(RuleModel(ModelUnavailable("busy"), said("x")), clock=clock, jitter=lambda: 0.0)
    reply = await gateway.complete(question(), RecordingObserver())
    assert (reply.attempts, clock.slept) == (2, [0.25])


async def test_a_wrong_structure_twice_is_final() -> None:
    model = RuleModel(said("[]"), said("[]"))
    with pytest.raises(ModelOutputInvalid):
        await ModelGateway(model).complete(question(output_schema=SCHEMA), RecordingObserver())


async def test_the_rest_is_passed_through() -> None:
    model = RuleModel()
    gateway = ModelGateway(model)
    assert gateway.describe().offline
    assert (await gateway.check()).reachable
    assert gateway.price(Usage(prompt_tokens=3)) == 6
    assert gateway.priced()
    assert gateway.reservation(question(max_tokens=50)).tokens > 50
    await gateway.aclose()
    assert model.closed


LONGER = "A reply with more to say than those before it."


async def learned(model: RuleModel) -> ModelGateway:
    """A gateway that has seen a few short replies, and so reserves little."""
    gateway = ModelGateway(model)
    for _ in range(4):
        await gateway.complete(question(max_tokens=4_000), RecordingObserver())
    return gateway


async def test_the_node_is_told_to_keep_to_what_is_reserved() -> None:
    model = RuleModel(*[said("short")] * 5)
    gateway = await learned(model)
    asked = question(max_tokens=4_000)
    reserved = gateway.reservation(asked)
    await gateway.complete(asked, RecordingObserver(), reserved)
    assert reserved.max_tokens < 200
    assert [request.max_tokens for request in model.requests] == [4_000] * 4 + [reserved.max_tokens]


async def test_a_reply_that_needs_more_is_asked_for_again_with_all_its_room() -> None:
    cut = said("A reply with").model_copy(update={"finish_reason": "length"})
    model, observer = RuleModel(*[said("short")] * 4, cut, said(LONGER)), RecordingObserver()
    gateway = await learned(model)
    asked = question(max_tokens=4_000)
    reply = await gateway.complete(asked, observer, gateway.reservation(asked))
    assert (reply.content, reply.attempts) == (LONGER, 2)
    assert model.requests[-1].max_tokens == 4_000
    assert observer.notices[0].reason == "longer"
    assert observer.notices[0].tokens > 4_000


async def test_a_reply_longer_than_its_request_allows_is_asked_for_once() -> None:
    cut = said("A reply with").model_copy(update={"finish_reason": "length"})
    model = RuleModel(cut)
    gateway = ModelGateway(model)
    asked = question(max_tokens=4_000)
    with pytest.raises(ModelOutputInvalid, match="cut off at max_tokens"):
        await gateway.complete(asked, RecordingObserver(), gateway.reservation(asked))
    assert len(model.requests) == 1
