"""Figures of a process and of the fleet, as Prometheus reads them."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from bench.support.engine import Harness, ScriptedProvider, harness
from bench.support.scripts import calls, team
from core.ids import TenantId
from inference.model import ModelReply, ModelRequest
from tests.conftest import TestDatabase

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]
SECRET = "goal-of-nobody-else"


async def read(opened: Harness) -> Samples:
    text = (await opened.platform.fleet.text()).decode()
    assert SECRET not in text
    return {
        (sample.name.removeprefix("treehold_"), frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def one(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


async def test_what_a_process_did_and_how_the_fleet_stands(
    test_database: TestDatabase, tenant: TenantId, other_tenant: TenantId
) -> None:
    asked: list[str] = []

    def script(request: ModelRequest) -> ModelReply:
        """Its first worker asks for a tool that there is not."""
        asked.append(request.kind)
        return calls(SECRET) if asked.count("act") == 1 and request.kind == "act" else team(2)(request)

    async with harness(test_database.application, tenant, ScriptedProvider(script)) as opened:
        done = await opened.run(f"What is new? {SECRET}")
        await opened.submit(f"What is next? {SECRET}")
        async with harness(test_database.application, other_tenant, ScriptedProvider(team(1))) as other:
            await other.submit("What is old?")
            samples = await read(opened)
    assert done.status == "done"
    assert one(samples, "tasks_submitted_total") == 2
    assert one(samples, "tasks_finished_total", status="done", reason="completed") == 1
    assert one(samples, "task_duration_seconds_count", status="done") == 1
    assert one(samples, "agents_spawned_total", role="worker") == 2
    assert one(samples, "model_calls_total", model="scripted", outcome="ok") == len(asked)
    assert one(samples, "tool_calls_total", tool="unknown", outcome="tool_input_invalid") == 1
    assert one(samples, "tasks_open", state="running") == 2
    assert one(samples, "agents", state="ready") == 2
    assert one(samples, "agents", state="running") == 0
    assert one(samples, "outbox_messages") == 2
    assert (one(samples, "outbox_oldest_seconds") or 0) > 0
    tenants = {dict(labels)["tenant"] for name, labels in samples if name == "queue_age_seconds"}
    assert tenants == {str(tenant), str(other_tenant)}
    assert one(samples, "database_up") == 1
    assert (one(samples, "pool_connections", state="idle") or 0) >= 1


async def test_without_postgres_there_are_the_figures_of_the_process(
    test_database: TestDatabase, tenant: TenantId
) -> None:
    async with harness(test_database.application, tenant, ScriptedProvider(team(1))) as opened:
        await opened.submit("What is new?")
        await opened.platform.database.close()
        samples = await read(opened)
    assert one(samples, "database_up") == 0
    assert one(samples, "tasks_submitted_total") == 1
    assert one(samples, "agents", state="ready") is None
