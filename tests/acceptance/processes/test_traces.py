"""One trace across processes that die: in a receiver of the protocol's own making, by gRPC."""

from __future__ import annotations

from pathlib import Path

import httpx

from bench.support.scripted_node import ScriptedNode
from bench.support.small_model import SmallModel
from core.tracing import TraceContext, parse, span_of
from tests.acceptance.processes.folder import SECONDS, Folder, until
from tests.acceptance.processes.test_kill import QUESTION, killed, slow
from tests.collector import collecting

CALLER = TraceContext(trace="a" * 32, span="b" * 16)


async def test_a_task_whose_workers_are_killed_is_one_whole_trace_and_no_span_is_there_twice(
    modelled: Folder, node: ScriptedNode, model: SmallModel, texts: Path
) -> None:
    with collecting("grpc") as collector:
        modelled.settings = {**modelled.settings, **collector.environment}
        first = await modelled.up(TREEHOLD_METRICS_TOKEN="scrape-me")
        async with modelled.rows() as rows:
            model.faults.append(slow("act", "alpha.md"))
            async with httpx.AsyncClient(base_url=first.url, trust_env=False, timeout=SECONDS) as client:
                key = (modelled.data / "api-key").read_text().strip()
                submitted = await client.post(
                    "/v1/tasks",
                    json={"goal": QUESTION, "workspace": str(texts)},
                    headers={"Authorization": f"Bearer {key}", "traceparent": CALLER.header},
                )
                figures = await client.get("/metrics", headers={"Authorization": "Bearer scrape-me"})
            assert submitted.status_code == 201
            assert "treehold_tasks_submitted_total 1.0" in figures.text
            task = await rows.task()
            await killed(first, model.faults[-1], rows, task)
            model.faults.append(slow("answer"))
            await killed(await modelled.up(), model.faults[-1], rows, task)
            await modelled.up()
            assert await rows.over(task) == "done"

            async def told() -> bool:
                return not await rows.fetch("SELECT FROM untold")

            await until(told, "the end of the trace")
            calls = await rows.calls(task)
    collector.check_nested()
    spans = collector.spans
    assert {span.trace for span in spans.values()} == {CALLER.trace}
    assert spans[span_of(task)].parent == CALLER.span
    lost = {span.name.split()[0] for span in spans.values() if span.error == "worker_lost"}
    assert lost == {"turn", "chat"}
    assert {span_of(call["id"]) for call in calls} <= set(spans)
    named = [parse(headers.get("traceparent")) for headers in node.headers]
    assert {context.trace for context in named if context} == {CALLER.trace}
    assert {context.span for context in named if context} == {span_of(call["id"]) for call in calls}
