from __future__ import annotations

import pytest

from core.errors import ModelError, ModelRateLimited, ModelRejected, ModelTimeout, ModelUnavailable
from inference import RetryPolicy
from inference.failure import Unreachable

POLICY = RetryPolicy(max_attempts=4, total_seconds=100, base_seconds=1, cap_seconds=3)


def delay(
    error: ModelError, failures: int, *, elapsed: float = 0, met: bool = True, jitter: float = 1.0
) -> float | None:
    return POLICY.delay(
        error, failures=failures, elapsed=elapsed, failing=elapsed, met=met, jitter=lambda: jitter
    )


def test_delays_double_up_to_the_cap() -> None:
    assert [delay(ModelUnavailable("x"), failures) for failures in (1, 2, 3)] == [1, 2, 3]


def test_jitter_shortens_by_at_most_half() -> None:
    assert delay(ModelTimeout("x"), 2, jitter=0.0) == 1


def test_attempts_and_time_are_bounded() -> None:
    assert delay(ModelUnavailable("x"), 4) is None
    assert delay(ModelUnavailable("x"), 1, elapsed=99.5) is None


@pytest.mark.parametrize(("asked", "expected"), [(7.5, 7.5), (30, 30), (30.1, None), (None, 1), (-3, 0)])
def test_a_rate_limit_sets_its_own_delay(asked: float | None, expected: float | None) -> None:
    assert delay(ModelRateLimited("x", retry_after=asked), 1) == expected


def test_a_rejected_request_is_never_retried() -> None:
    assert delay(ModelRejected("x"), 1) is None


def test_a_node_that_never_answered_is_tried_again_for_a_moment_only() -> None:
    error = Unreachable("x")
    assert delay(error, 2, elapsed=1.0, met=False) == 2
    assert delay(error, 2, elapsed=1.1, met=False) is None
    assert delay(error, 2, elapsed=1.1, met=True) == 2
