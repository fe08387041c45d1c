"""Whatever is said when, by whoever dies when: every message is concluded once, and the plan is what it says.

A few tasks in the gate; many with `pytest tests/chaos/test_steering.py --hypothesis-profile=long`.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from psycopg import AsyncConnection

from bench.support.engine import Harness, ScriptedProvider, harness
from bench.support.scripts import NOTHING_FOUND, answer_of, plan_of, says
from core.blocks import read_blocks
from core.errors import Conflict, InvalidInput, NotFound
from core.ids import AgentId, TaskId, TenantId
from core.settings import Settings
from inference.model import ModelReply, ModelRequest
from orchestrator.services.views import NewMessage
from orchestrator.topics import ADVANCE
from tests.chaos.spawn_trees import Deaths
from tests.conftest import TestDatabase

LONG = settings.get_current_profile_name() == "long"
TASKS = 500 if LONG else 12
SECONDS = 3 * 3600 if LONG else 180
AT_ONCE = 4
MOST_ROUNDS = 300
DEATH = 0.01

_LAPSED = b"""
UPDATE agent SET published_at = now() - interval '1 day', republished = 0,
    lease_until = CASE WHEN state = 'running' THEN now() - interval '1 second' END
WHERE state IN ('ready', 'running')
"""


@dataclass(kw_only=True)
class Steered:
    harness: Harness = field(repr=False)
    deaths: Deaths = field(repr=False)
    admin: AsyncConnection = field(repr=False)


@pytest.fixture
async def steered(
    test_database: TestDatabase, tenant: TenantId, admin: AsyncConnection
) -> AsyncIterator[Steered]:
    with pytest.MonkeyPatch.context() as patch:
        async with AsyncExitStack() as stack:
            opened = await stack.enter_async_context(
                harness(
                    test_database.application,
                    tenant,
                    ScriptedProvider(_script),
                    settings=Settings(pool_size=8, memory_learning_tokens=0, max_attempts=50),
                )
            )
            yield Steered(harness=opened, deaths=Deaths(patch), admin=admin)


def _script(request: ModelRequest) -> ModelReply:
    match request.kind:
        case "plan":
            split = 0 if read_blocks(request.messages[1].content)["path"] else 1
            return plan_of("first", "second", "third", split=split, after=True)
        case "act" | "return":
            return says(NOTHING_FOUND)
        case "select":
            return says({"status": "not_found", "cites": []})
        case "reply":
            return says({"text": "so far, so good"})
        case _:
            return answer_of("all parts are in")


@pytest.mark.timeout(SECONDS)
@settings(
    max_examples=TASKS,
    deadline=None,
    derandomize=not LONG,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(seed=st.integers(0, 2**32), messages=st.integers(0, 8))
async def test_every_message_is_concluded_once(steered: Steered, seed: int, messages: int) -> None:
    opened, chance = steered.harness, random.Random(seed)
    task = await opened.submit("go", memory=False, tools=[], budget={"fanout": 60, "depth": 2})
    await _play(steered, task, chance, messages)
    tree = await opened.platform.tasks.tree(opened.principal, task)
    said = await opened.platform.messages.list(opened.principal, task)
    assert tree.task.status == "done", tree.task.error
    assert {message.status for message in said} <= {"applied", "refused"}
    assert [agent.error for agent in tree.agents if agent.error] == []
    assert not {"ready", "running", "waiting"} & {agent.status for agent in tree.agents}
    assert {node.status for node in tree.nodes} <= {"done"}
    assert await _told(opened, task) == Counter(message.id for message in said)
    assert await _left_open(steered.admin, task) == 0
    seqs = [message.applied_at_event for message in said if message.applied_at_event]
    assert len(seqs) == len(set(seqs))


async def _play(steered: Steered, task: TaskId, chance: random.Random, messages: int) -> None:
    """Some agents at a time, with messages in between and at the same moment."""
    opened = steered.harness
    agents: list[tuple[TenantId, AgentId]] = []
    for _ in range(MOST_ROUNDS):
        found = await opened.collect()
        agents += [(tenant, AgentId(subject)) for topic, tenant, subject in found if topic == ADVANCE]
        chance.shuffle(agents)
        some, agents = agents[:AT_ONCE], agents[AT_ONCE:]
        doing: list[Any] = [steered.deaths.turn(opened, *one, (chance, DEATH)) for one in some]
        if messages and chance.random() < 0.5:
            messages -= 1
            doing.append(_say(opened, task, chance))
        await asyncio.gather(*doing)
        if not agents and not some and not await _left_behind(opened):
            return
    raise AssertionError("the task does not end")


async def _say(opened: Harness, task: TaskId, chance: random.Random) -> None:
    nodes = (await opened.platform.tasks.tree(opened.principal, task)).nodes
    kind = chance.choice(["add", "revise", "retract", "ask"])
    node = chance.choice(nodes).key if nodes else None
    if node is None and kind in {"revise", "retract"}:
        kind = "add"
    new = NewMessage.model_validate({"kind": kind, "text": f"say {chance.random()}", "node": node})
    try:
        await opened.platform.messages.send(opened.principal, task, new, idempotency_key=None)
    except (Conflict, InvalidInput, NotFound):
        return


async def _left_behind(opened: Harness) -> int:
    """Let leases of the dead run out, and messages count as lost; returns how many agents could go on."""
    async with opened.platform.database.unit_of_work(opened.principal.tenant) as work:
        left = await work.execute(_LAPSED)
    await opened.room.reaper().round()
    return left


async def _told(opened: Harness, task: TaskId) -> Counter[UUID]:
    """How often the trace says of each message that something came of it."""
    events = await opened.platform.tasks.events(opened.principal, task, after=0, limit=10_000)
    assert [event.seq for event in events] == list(range(1, len(events) + 1))
    return Counter(
        UUID(str(event.data["id"]))
        for event in events
        if event.kind in {"message.applied", "message.answered", "message.refused"}
    )


async def _left_open(admin: AsyncConnection, task: TaskId) -> int:
    cursor = await admin.execute(
        "SELECT count(*) FROM agent AS a JOIN budget AS b ON b.agent_id = a.id "
        "WHERE a.task_id = %s AND (b.reserved <> 0 OR b.delegated <> 0 OR a.open_children <> 0)",
        [task],
    )
    row = await cursor.fetchone()
    assert row is not None
    return row[0]
