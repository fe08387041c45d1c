"""What is counted of calls of the model, by the names Prometheus reads."""

from __future__ import annotations

import pytest

from bench.support.fake_clock import FakeClock
from bench.support.model_harness import RecordingObserver, question
from core.errors import ModelUnavailable
from core.metrics import Metrics
from inference import ModelGateway, ModelReply
from inference.metered import MeteredGateway
from tests.unit.inference.test_gateway import RuleModel, said


def metered(*replies: ModelReply | Exception) -> tuple[MeteredGateway, Metrics]:
    metrics, clock = Metrics(), FakeClock()
    return MeteredGateway(ModelGateway(RuleModel(*replies), clock=clock), metrics, clock), metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"treehold_{name}", {"model": "rules", **labels})


async def test_a_call_counts_with_its_tokens_and_its_cost() -> None:
    gateway, metrics = metered(said("yes"))
    observer = RecordingObserver()
    await gateway.complete(question(), observer, gateway.reservation(question()))
    assert value(metrics, "model_calls_total", outcome="ok") == 1
    assert value(metrics, "model_tokens_total", type="prompt") == 10
    assert value(metrics, "model_tokens_total", type="completion") == 5
    assert value(metrics, "model_cost_dollars_total") == pytest.approx(30e-6)
    assert value(metrics, "model_call_duration_seconds_count") == 1
    assert value(metrics, "model_first_token_seconds_sum") == pytest.approx(0.25)


async def test_a_failure_counts_under_its_code_and_each_retry_under_its_reason() -> None:
    gateway, metrics = metered(*[ModelUnavailable("gone")] * 10)
    with pytest.raises(ModelUnavailable):
        await gateway.complete(question(), RecordingObserver())
    assert value(metrics, "model_calls_total", outcome=ModelUnavailable.code) == 1
    assert value(metrics, "model_calls_total", outcome="ok") is None
    assert (value(metrics, "model_retries_total", reason="failure") or 0) >= 1
