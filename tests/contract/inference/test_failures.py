"""What a node's failures lead to: a bounded number of retries, then one clear error."""

from __future__ import annotations

import os
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bench.support.model_harness import API_KEY, model_harness, question
from bench.support.replies import (
    Answer,
    CutStream,
    Hang,
    HttpError,
    RawBody,
    Reply,
    StreamError,
    rate_limited,
    text,
)
from core.errors import (
    BudgetExhausted,
    ModelRateLimited,
    ModelRefused,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
)
from inference import RetryNotice, SilentObserver

pytestmark = pytest.mark.usefixtures("provider")

LONG = text("an answer long enough to be cut somewhere in its middle")


async def test_a_rate_limit_is_obeyed_to_the_second() -> None:
    async with model_harness([rate_limited("17"), text("ok")]) as harness:
        reply = await harness.ask()
    assert reply.content == "ok"
    assert reply.attempts == 2
    assert harness.clock.slept == [17.0]
    notice = harness.observer.notices[0]
    assert (notice.reason, notice.code, notice.attempt) == ("failure", "model_rate_limited", 2)
    assert (notice.delay, notice.tokens) == (17.0, 0)


async def test_a_retry_date_is_understood() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    async with model_harness([rate_limited(later), text("ok")]) as harness:
        await harness.ask()
    assert 15 < harness.clock.slept[0] <= 20


async def test_a_wait_longer_than_a_slot_may_be_held_for_is_not_begun() -> None:
    async with model_harness(rate_limited("900")) as harness:
        with pytest.raises(ModelRateLimited, match="to be left alone for 900 s") as caught:
            await harness.ask()
    assert (caught.value.retry_after, caught.value.retryable) == (900, True)
    assert harness.clock.slept == []


async def test_server_errors_back_off_and_then_succeed() -> None:
    script = [HttpError(status=500), HttpError(status=503), text("ok")]
    async with model_harness(script) as harness:
        reply = await harness.ask()
    assert (reply.content, reply.attempts) == ("ok", 3)
    assert harness.clock.slept == [0.5, 1.0]
    assert reply.usage.known


async def test_a_node_that_always_fails_is_left_alone_after_max_attempts() -> None:
    async with model_harness(HttpError(status=500, message="out of memory"), max_attempts=4) as harness:
        with pytest.raises(ModelUnavailable, match="out of memory"):
            await harness.ask()
    assert len(harness.node.requests) == 4
    assert harness.observer.spends == []


async def test_a_node_that_is_not_up_is_named_after_a_moment() -> None:
    async with model_harness(text("unused"), base_url="http://user:word@127.0.0.1:9/v1") as harness:
        with pytest.raises(
            ModelUnavailable, match=r"nothing answers at http://127\.0\.0\.1:9/v1: is the node up"
        ):
            await harness.ask()
    assert harness.clock.slept == [0.5, 1.0]
    assert [notice.tokens for notice in harness.observer.notices] == [0, 0]
    assert harness.observer.spends == []


async def test_a_node_that_went_down_after_it_answered_is_given_more_time() -> None:
    """By the full policy, as any other failure."""
    async with model_harness(text("ok"), max_attempts=5) as harness:
        await harness.ask()
        await harness.node.stop()
        with pytest.raises(ModelUnavailable, match="nothing answers at"):
            await harness.ask()
    assert harness.clock.slept == [0.5, 1.0, 2.0, 4.0]
    assert [usage.known for usage, _ in harness.observer.spends] == [True]


@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(CutStream(answer=LONG, deltas=2), id="connection dropped"),
        pytest.param(CutStream(answer=LONG, deltas=2, clean=True), id="ended without a finish reason"),
        pytest.param(StreamError(), id="error object in the stream"),
        pytest.param(RawBody(body=b"data: {not json\n\n"), id="malformed event"),
        pytest.param(RawBody(body=b"<html>proxy</html>", content_type="text/html"), id="html"),
        pytest.param(RawBody(body=b""), id="empty body"),
        pytest.param(RawBody(body=b"\x00\xff\xfe garbage"), id="garbage"),
    ],
)
async def test_a_broken_stream_is_retried(broken: Reply) -> None:
    async with model_harness([broken, text("whole")]) as harness:
        reply = await harness.ask()
    assert reply.content == "whole"
    assert reply.attempts == 2
    assert harness.observer.notices[0].code == "model_unavailable"


@pytest.mark.parametrize(
    "silent",
    [
        pytest.param(CutStream(answer=LONG, deltas=0), id="cut before its first token"),
        pytest.param(RawBody(body=b""), id="empty body"),
        pytest.param(Hang(), id="no token in time"),
        pytest.param(StreamError(), id="error object in the stream"),
        pytest.param(HttpError(status=504), id="a proxy's time-out"),
    ],
)
async def test_what_dies_after_it_was_sent_may_have_been_billed(silent: Reply) -> None:
    async with model_harness([silent, text("whole")], first_token_seconds=1.0) as harness:
        reply = await harness.ask(max_tokens=500)
    assert not reply.usage.known
    assert harness.observer.notices[0].tokens > 500
    assert [usage.known for usage, _ in harness.observer.spends] == [False, True]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_error_status_is_free_where_the_node_never_began(status: int) -> None:
    async with model_harness([HttpError(status=status), text("ok")]) as harness:
        reply = await harness.ask()
    assert reply.usage.known
    assert harness.observer.notices[0].tokens == 0


async def test_a_lost_answer_makes_the_usage_unknown_and_asks_for_more_budget() -> None:
    async with model_harness([CutStream(answer=LONG, deltas=2), text("whole")]) as harness:
        reply = await harness.ask(max_tokens=500)
    assert not reply.usage.known
    assert harness.observer.notices[0].tokens > 500
    assert [usage.known for usage, _ in harness.observer.spends] == [False, True]


class Miser(SilentObserver):
    async def retrying(self, notice: RetryNotice) -> None:
        raise BudgetExhausted("tokens")


async def test_an_observer_can_stop_the_retries() -> None:
    async with model_harness(HttpError(status=500)) as harness:
        with pytest.raises(BudgetExhausted):
            await harness.gateway.complete(question(), Miser())
    assert len(harness.node.requests) == 1


async def test_no_first_token_in_time_is_a_timeout() -> None:
    async with model_harness(Hang(), max_attempts=2, first_token_seconds=0.05) as harness:
        with pytest.raises(ModelTimeout, match=r"no reply began within 0\.05 s"):
            await harness.ask()
    assert len(harness.node.requests) == 2


async def test_a_stalled_stream_is_a_timeout() -> None:
    async with model_harness(Hang(answer=LONG, deltas=2), max_attempts=1, stall_seconds=0.05) as harness:
        with pytest.raises(ModelTimeout, match="stalled"):
            await harness.ask()


async def test_an_endless_stream_is_a_timeout() -> None:
    endless = Answer(content="x" * 100_000, chunk=1, pause=0.005)
    async with model_harness(endless, max_attempts=1, call_seconds=0.1) as harness:
        with pytest.raises(ModelTimeout, match="not finished"):
            await harness.ask()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (HttpError(status=400, message="bad"), "model_rejected"),
        (HttpError(status=401, message=f"wrong key {API_KEY}"), "model_access_denied"),
        (HttpError(status=403), "model_access_denied"),
        (HttpError(status=404), "model_not_found"),
        (HttpError(status=422), "model_rejected"),
        (
            HttpError(status=400, message="This model's maximum context length is 4096 tokens."),
            "context_window_exceeded",
        ),
    ],
)
async def test_a_rejected_request_is_not_repeated(error: HttpError, code: str) -> None:
    async with model_harness(error) as harness:
        with pytest.raises(ModelRejected) as caught:
            await harness.ask()
    assert caught.value.code == code
    assert not caught.value.retryable
    assert len(harness.node.requests) == 1


async def test_a_policy_rejection_is_a_refusal() -> None:
    error = HttpError(status=400, message="violates our policy", code="content_policy_violation")
    async with model_harness(error) as harness:
        with pytest.raises(ModelRefused):
            await harness.ask()


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (None, "wants a key: give it with --api-key or TREEHOLD_API_KEY"),
        (API_KEY, "refuses the key it was given"),
    ],
)
async def test_what_to_do_about_a_key_is_said(key: str | None, said: str) -> None:
    async with model_harness(HttpError(status=401, message="no entry"), api_key=key) as harness:
        with pytest.raises(ModelRejected, match=f"scripted at {harness.node.base_url} {said}.*no entry"):
            await harness.ask()


@pytest.mark.parametrize(
    "model", ["openai/gpt-4o-mini", "anthropic/claude-3-5-haiku-latest", "gemini/gemini-2.0-flash"]
)
async def test_a_provider_without_its_key_is_not_asked_twice(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_AUTH_TOKEN"))]:
        monkeypatch.delenv(name)
    async with model_harness(text("unused"), base_url=None, model=model, api_key=None) as harness:
        with pytest.raises(ModelRejected, match=f"^{model} wants a key: give it with --api-key") as caught:
            await harness.ask()
    assert caught.value.code == "model_access_denied"
    assert "Traceback" not in caught.value.message
    assert harness.clock.slept == []


async def test_the_key_is_never_in_an_error(capfd: pytest.CaptureFixture[str]) -> None:
    async with model_harness(HttpError(status=401, message=f"wrong key {API_KEY}")) as harness:
        with pytest.raises(ModelRejected) as caught:
            await harness.ask()
    assert API_KEY not in str(caught.value)
    assert API_KEY not in "".join(traceback.format_exception_only(caught.value))
    streams = capfd.readouterr()
    assert streams.out == streams.err == ""
