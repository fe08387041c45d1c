"""Spans of tasks in a receiver of the protocol's own making: whole, nested, once, and nothing lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest
from psycopg import AsyncConnection

from bench.support.engine import Harness, Pile
from core.ids import TenantId
from core.tracing import TraceContext, here, span_of, within
from orchestrator.telemetry import otlp
from tests.collector import Collector
from tests.integration.telemetry.telling import Exporting

WHOLE = [
    *["chat scripted"] * 4,
    *["gate return"] * 2,
    "guard memory",
    "invoke_agent lead",
    *["invoke_agent worker"] * 2,
    "invoke_workflow task",
    "learn",
    "retrieval memory",
    *["turn 1"] * 3,
    "turn 2",
]
CALLER = TraceContext(trace="a" * 32, span="b" * 16)


async def waiting(admin: AsyncConnection) -> int:
    row = await (await admin.execute("SELECT count(*) FROM untold")).fetchone()
    return 0 if row is None else row[0]


async def test_a_task_arrives_whole_and_nested_over_each_protocol(
    collector: Collector, opened: Harness, exporting: Exporting, admin: AsyncConnection
) -> None:
    task = await opened.run("What is new?", memory=True)
    await exporting.round()
    collector.check_nested()
    assert collector.names() == WHOLE
    assert {span.trace for span in collector.spans.values()} == {task.id.hex}
    root = collector.spans[span_of(task.id)]
    assert root.attributes["treehold.tenant.id"] == str(opened.principal.tenant)
    assert root.resource["service.name"] == "treehold"
    assert not [span for span in collector.spans.values() if "What is new?" in repr(span)]
    await exporting.round()
    assert await waiting(admin) == 0


async def test_told_bit_by_bit_by_one_process_after_another_nothing_is_told_twice(
    grpc_collector: Collector, opened: Harness, exporting: Exporting
) -> None:
    """After each step of the task, the process that told of it is lost with its memory."""
    task = await opened.submit("What is new?", memory=True)
    while await opened.step():
        await exporting.round()
        exporting.another()
    await exporting.round()
    grpc_collector.check_nested()
    assert grpc_collector.names() == WHOLE
    assert grpc_collector.received == len(WHOLE)
    assert span_of(task) in grpc_collector.spans


async def test_a_process_that_dies_before_it_noted_what_it_told_repeats_the_same(
    grpc_collector: Collector, opened: Harness, exporting: Exporting, admin: AsyncConnection
) -> None:
    await opened.run("What is new?", memory=True)
    await exporting.round()
    await admin.execute(
        "INSERT INTO untold (tenant_id, task_id, seq) SELECT tenant_id, id, 4 FROM task "
        "ON CONFLICT (task_id) DO UPDATE SET seq = 4"
    )
    exporting.another()
    await exporting.round()
    assert grpc_collector.received > len(WHOLE)
    assert grpc_collector.names() == WHOLE


async def test_a_collector_that_is_away_costs_nothing_but_rows(
    collector: Collector, opened: Harness, exporting: Exporting, admin: AsyncConnection
) -> None:
    collector.refusing = True
    task = await opened.run("What is new?", memory=True)
    await exporting.round()
    assert (task.status, await waiting(admin), exporting.counted("trace_export_failures_total")) == (
        "done",
        1,
        1,
    )
    collector.refusing = False
    await exporting.round()
    assert collector.names() == WHOLE
    assert exporting.counted("trace_spans_total") == len(WHOLE)


async def test_what_could_not_be_told_for_a_day_is_given_up_and_counted(
    grpc_collector: Collector, opened: Harness, exporting: Exporting, admin: AsyncConnection
) -> None:
    await opened.run("What is new?")
    await admin.execute("UPDATE task SET finished_at = finished_at - %s", (timedelta(hours=25),))
    await exporting.round()
    assert (await waiting(admin), grpc_collector.spans) == (0, {})
    assert exporting.counted("traces_given_up_total") == 1


async def test_a_caller_decides_on_the_trace(
    grpc_collector: Collector, opened: Harness, exporting: Exporting, admin: AsyncConnection
) -> None:
    with within(CALLER):
        mine = await opened.run("What is new?")
    with within(TraceContext(trace="c" * 32, span="d" * 16, sampled=False)):
        await opened.run("What is not recorded?")
    for _ in range(2):  # tell, and see that there is no more
        await exporting.round()
    assert {span.trace for span in grpc_collector.spans.values()} == {CALLER.trace}
    assert grpc_collector.spans[span_of(mine.id)].parent == CALLER.span
    assert await waiting(admin) == 0


@dataclass
class Noting(Pile):
    """A post that notes what each message belongs to."""

    noted: list[TraceContext | None] = field(default_factory=list[TraceContext | None])

    async def publish(self, topic: str, tenant: TenantId, subject: UUID) -> None:
        self.noted.append(here())
        await super().publish(topic, tenant, subject)


async def test_a_message_is_published_within_the_trace_of_its_task(
    grpc_collector: Collector, opened: Harness
) -> None:
    with within(CALLER):
        await opened.submit("What is new?")
    alone = await opened.submit("What is old?")
    opened.post = post = Noting()
    await opened.step()
    assert {context.trace for context in post.noted if context} == {CALLER.trace, alone.hex}
    await opened.drive()
    assert None not in post.noted


async def test_without_an_exporter_nothing_waits(
    opened: Harness, admin: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert opened.room.trace_exporter() is None
    await opened.run("What is new?")
    assert await waiting(admin) == 0
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert not otlp.is_wanted()


async def test_contents_are_told_where_that_is_set(
    grpc_collector: Collector, opened: Harness, exporting: Exporting
) -> None:
    exporting.exporter.content = True
    await opened.run("What is new?")
    await exporting.round()
    asked = [span.attributes.get("gen_ai.input.messages", "") for span in grpc_collector.spans.values()]
    assert any("What is new?" in messages for messages in asked)
