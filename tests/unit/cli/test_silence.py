from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from cli.silence import Silence
from tests.unit.cli.trees import event, spawned


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_task_that_no_worker_takes_is_told_of_after_fifteen_seconds_and_then_ever_more_rarely() -> None:
    clock = Clock()
    silence = Silence(clock, remedy="start one")
    silence.heard(spawned(uuid4(), parent=None))
    told: dict[int, str] = {}
    for second in range(1, 100):
        clock.now += 1
        notice = silence.due()
        if notice is not None:
            told[second] = notice
    assert list(told) == [15, 30, 60]
    assert told[15] == "no worker has taken this for 15 s: start one"


def test_an_event_ends_the_silence() -> None:
    clock = Clock()
    silence = Silence(clock, remedy="start one")
    clock.now += 14
    silence.heard(event("agent.started", uuid4(), turn=1))
    clock.now += 14
    assert silence.due() is None
    clock.now += 1
    assert silence.due() == "no worker has gone on with this for 15 s: start one"


def test_a_model_that_is_asked_may_take_a_minute() -> None:
    clock = Clock()
    silence = Silence(clock, remedy="start one")
    silence.heard(event("model.started", uuid4(), call="c", name="plan"))
    clock.now += 59
    assert silence.due() is None
    clock.now += 1
    assert "the model is slow" in str(silence.due())
    silence.heard(event("model.finished", uuid4(), call="c", name="plan"))
    clock.now += 15
    assert "no worker" in str(silence.due())


AGENT = uuid4()


Told = tuple[str, dict[str, Any]]
WAITS: list[tuple[Told, Told]] = [
    (("approval.requested", {"approval": "a"}), ("approval.decided", {"approval": "a"})),
    (("agent.waiting", {"on": "timer"}), ("agent.resumed", {})),
    (("task.paused", {}), ("task.resumed", {})),
]


@pytest.mark.parametrize(("begins", "ends"), WAITS)
def test_what_waits_by_somebodys_will_is_no_silence(begins: Told, ends: Told) -> None:
    clock = Clock()
    silence = Silence(clock, remedy="start one")
    silence.heard(event(begins[0], AGENT, **begins[1]))
    clock.now += 3600
    assert silence.due() is None
    silence.heard(event(ends[0], AGENT, **ends[1]))
    clock.now += 15
    assert "no worker" in str(silence.due())
