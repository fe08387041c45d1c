"""Effects of a worker that died in a call: keyed ones come again under their key, unsafe ones do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Literal

import pytest
from psycopg import AsyncConnection

from bench.support.engine import Harness
from bench.support.scripts import NOTHING_FOUND, calls, says, team
from core.ids import AgentId
from inference.model import ModelReply, ModelRequest
from tests.integration.orchestrator.conftest import Opener
from tools import ToolContext, ToolResult, ToolSpec
from tools.contract import Arguments

LAPSED = "UPDATE agent SET lease_until = now() - interval '1 second' WHERE state = 'running'"


class Died(BaseException):
    """Where a process would have ended: nothing is written behind it."""


class Post(Arguments):
    entry: str


class Outside:
    """A tool that has its effect, and whose worker may die before it can say so."""

    def __init__(self, effect: Literal["keyed", "unsafe"], *, dies: bool) -> None:
        self.spec = ToolSpec(name="post", description="Post an entry.", arguments=Post, effect=effect)
        self.keys: list[str] = []
        self._dies = dies

    async def run(self, arguments: Post, context: ToolContext) -> ToolResult:
        self.keys.append(context.idempotency_key)
        if self._dies:
            raise Died
        return ToolResult(content=f"posted {arguments.entry}")


def posting(told: list[str]) -> Callable[[ModelRequest], ModelReply]:
    """A worker that posts once; `told` gets what it reads of it."""

    def script(request: ModelRequest) -> ModelReply:
        if request.kind != "act":
            return team(1)(request)
        if request.messages[-1].role == "tool":
            told.append(request.messages[-1].content)
            return says(NOTHING_FOUND)
        return calls("post", entry="one")

    return script


async def die_in_the_tool(opened: Harness) -> None:
    await opened.step()
    ((_, tenant, agent),) = await opened.collect()
    claimed = await opened.room.engine.claim(tenant, AgentId(agent))
    assert claimed is not None
    with pytest.raises(Died):
        await opened.room.engine.invoke(claimed)


async def run_twice(
    open_harness: Opener, admin: AsyncConnection, effect: Literal["keyed", "unsafe"]
) -> tuple[list[str], list[str], tuple[str, int]]:
    """The keys that arrived, what the agent was told, and what the journal says of the call."""
    told: list[str] = []
    before, after = Outside(effect, dies=True), Outside(effect, dies=False)
    first, _ = await open_harness(posting(told), extra_tools=[before])
    task = await first.submit("post it", tools=["post"])
    await die_in_the_tool(first)
    await admin.execute(LAPSED)
    second, _ = await open_harness(posting(told), owner="worker-2", extra_tools=[after])
    await second.room.reaper().round()
    await second.drive()
    assert (await second.view(task)).status == "done"
    cursor = await admin.execute("SELECT state, attempts FROM call WHERE name = 'post'")
    row = await cursor.fetchone()
    assert row is not None
    return before.keys + after.keys, told, (row[0], row[1])


async def test_a_keyed_call_comes_again_under_its_key(open_harness: Opener, admin: AsyncConnection) -> None:
    keys, told, journal = await run_twice(open_harness, admin, "keyed")
    assert len(keys) == 2
    assert keys[0] == keys[1] != ""
    assert json.dumps(told).count("posted one") == 1
    assert journal == ("done", 2)


async def test_an_unsafe_call_is_not_made_again_and_the_agent_is_told_that_nobody_knows(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    keys, told, journal = await run_twice(open_harness, admin, "unsafe")
    assert len(keys) == 1
    assert "unknown_outcome" in told[0]
    assert journal == ("unknown", 2)
