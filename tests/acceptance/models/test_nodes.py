"""Nodes that can do less: without `json_schema`, without counting, without tools."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bench.support.engine import Harness, harness
from bench.support.scripted_node import ScriptedNode
from bench.support.small_model import SmallModel, requests_of
from core.ids import TenantId
from core.settings import Settings
from inference import ModelConfig
from orchestrator.bootstrap import provider_of
from tests.conftest import TestDatabase

GOAL = "How are backups kept and restored?"
ANSWERED = 8


class Bench:
    """Opens an engine over the test's database, its model on a node of its own."""

    def __init__(self, stack: AsyncExitStack, database: TestDatabase, tenant: TenantId) -> None:
        self._stack = stack
        self._database = database
        self._tenant = tenant

    async def __call__(self, model: SmallModel) -> tuple[Harness, ScriptedNode]:
        node = await self._stack.enter_async_context(ScriptedNode(model))
        provider = provider_of(ModelConfig(model="small-8b", base_url=node.base_url))
        settings = Settings(pool_size=4, lease_seconds=60, memory_learning_tokens=0)
        opened = harness(self._database.application, self._tenant, provider, settings=settings)
        return await self._stack.enter_async_context(opened), node


@pytest.fixture
async def bench(test_database: TestDatabase, tenant: TenantId) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        yield Bench(stack, test_database, tenant)


async def test_a_node_without_json_schema_is_asked_by_tools_and_remembered(
    bench: Bench, workspace: Path
) -> None:
    engine, node = await bench(SmallModel(modes=frozenset({"tools"})))
    first = await engine.run(GOAL, workspace=str(workspace))
    asked = len(node.requests)
    second = await engine.run(GOAL, workspace=str(workspace))
    assert [first.status, second.status] == ["done", "done"]
    assert first.answer is not None
    assert len(first.answer.citations) >= 3
    assert asked == ANSWERED + 1
    assert len(node.requests) == asked + ANSWERED
    assert ["response_format" in request for request in node.requests].count(True) == 1


async def test_it_is_repaired_there_too(bench: Bench, workspace: Path) -> None:
    """A worker's return that is asked for comes as a tool call, and reaches the gate as JSON."""
    model = SmallModel(modes=frozenset({"tools"}))
    engine, node = await bench(model)
    task = await engine.run(GOAL, workspace=str(workspace), budget={"model_calls": 1})
    returned = [asked for asked in requests_of(GOAL, node.requests) if asked.moment == "return"]
    assert task.status == "done"
    assert {asked.request["tool_choice"]["function"]["name"] for asked in returned} == {"findings"}
    assert all(not asked.results for asked in returned)


async def test_the_schema_a_user_wants_may_refer_within_itself(bench: Bench, workspace: Path) -> None:
    """As pydantic writes nested models; the node gets it whole, and its model is shown it."""
    schema = {
        "type": "object",
        "required": ["kept"],
        "properties": {"kept": {"$ref": "#/$defs/Place"}},
        "$defs": {
            "Place": {"type": "object", "properties": {"where": {"type": "string"}}, "required": ["where"]}
        },
    }
    engine, node = await bench(SmallModel(output={"kept": {"where": "on the second machine"}}))
    task = await engine.run(GOAL, workspace=str(workspace), output_schema=schema)
    assert task.error is None
    assert task.answer is not None
    assert task.answer.output == {"kept": {"where": "on the second machine"}}
    sent = node.requests[-1]
    wanted = sent["response_format"]["json_schema"]["schema"]["properties"]["output"]
    assert wanted["properties"]["kept"]["properties"] == {"where": {"type": "string"}}
    assert '"where"' in sent["messages"][-1]["content"]


async def test_the_schema_a_user_wants_may_join_two_objects(bench: Bench, workspace: Path) -> None:
    named = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
    dated = {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]}
    given = {"name": "backups", "days": 30}
    engine, _ = await bench(SmallModel(output=given))
    task = await engine.run(GOAL, workspace=str(workspace), output_schema={"allOf": [named, dated]})
    assert task.error is None
    assert task.answer is not None
    assert task.answer.output == given


async def test_a_node_without_tools_fails_its_workers_and_not_the_process(
    bench: Bench, workspace: Path
) -> None:
    engine, node = await bench(SmallModel(modes=frozenset({"json_schema"})))
    task = await engine.run(GOAL, workspace=str(workspace))
    tree = await engine.platform.tasks.tree(engine.principal, task.id)
    assert task.status == "done"
    assert {agent.error.code for agent in tree.agents if agent.depth and agent.error} == {"model_rejected"}
    assert task.answer is not None
    assert task.answer.partial
    assert len(node.requests) == 5
