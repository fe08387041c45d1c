"""A consumer whose connection broke while its threads were at work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakSet

import pytest
from celery.worker.consumer import Consumer, consumer

from workers.consumer import PatientConsumer


class Shrinking(WeakSet[Any]):
    """A set out of which a thread takes something during the first walk over it."""

    walks = 0

    def __iter__(self) -> Iterator[Any]:
        self.walks += 1
        if self.walks == 1:
            raise RuntimeError("Set changed size during iteration")
        return super().__iter__()


class Bare:
    """As much of a consumer as is there while no connection is."""

    controller = pool = timer = None
    task_buckets: dict[str, object] = {}  # noqa: RUF012 - never changed


@pytest.mark.parametrize(("kind", "survives"), [(Consumer, False), (PatientConsumer, True)])
def test_it_outlives_requests_that_end_meanwhile(
    monkeypatch: pytest.MonkeyPatch, kind: type[Consumer], *, survives: bool
) -> None:
    requests = Shrinking()
    monkeypatch.setattr(consumer, "reserved_requests", requests)
    made: Any = type("Closing", (Bare, kind), {"__init__": object.__init__})
    closing = made()
    if survives:
        closing.on_close()
        assert requests.walks > 1
    else:
        with pytest.raises(RuntimeError):
            closing.on_close()
