"""Messages carry the trace they belong to, for whatever else looks at them."""

from __future__ import annotations

from uuid import uuid4

import pytest

from core.ids import DEFAULT_TENANT
from core.tracing import TraceContext, within
from orchestrator.topics import ADVANCE
from workers.celery_app import make_celery, queue_of, send

TRACE = TraceContext(trace="a" * 32, span="b" * 16)


@pytest.mark.parametrize(("trace", "header"), [(TRACE, TRACE.header), (None, None)])
def test_a_message_names_its_trace_where_it_has_one(trace: TraceContext | None, header: str | None) -> None:
    app = make_celery("memory://")
    with within(trace):
        send(app, ADVANCE, DEFAULT_TENANT, uuid4())
    with app.connection_for_read() as connection:
        box = connection.SimpleQueue(queue_of(app, ADVANCE))
        message = box.get_nowait()
        message.ack()
        box.close()
    assert message.headers.get("traceparent") == header
