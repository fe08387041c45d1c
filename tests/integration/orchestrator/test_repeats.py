"""Turns run again: what the journal holds stands, whatever has changed since (law 3)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from psycopg import AsyncConnection

from bench.support.engine import Harness
from bench.support.scripts import calls, says, team
from core.ids import AgentId
from inference.model import ModelReply, ModelRequest
from tests.integration.orchestrator.conftest import Opener

LAPSED = "UPDATE agent SET lease_until = now() - interval '1 second' WHERE state = 'running'"
PASSED = "UPDATE agent SET granted = jsonb_set(granted, '{deadline}', to_jsonb(now() - interval '1 minute'))"

NOTE = "The lamp is green."
LOOK: dict[str, Any] = {
    "title": "look",
    "question": "Look at it",
    "inputs": ["f1"],
    "split": False,
    "after": [],
}
FOUND: dict[str, Any] = {
    "status": "found",
    "findings": [{"file": "note.md", "line": 1, "quote": NOTE}],
}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    (tmp_path / "note.md").write_text(f"{NOTE}\n")
    return tmp_path


def reading(request: ModelRequest) -> ModelReply:
    """A worker that reads a file, and returns what it says."""
    match request.kind:
        case "plan":
            return says({"subtasks": [LOOK]})
        case "act" if request.messages[-1].role == "tool":
            return says(FOUND)
        case "act":
            return calls("read_file", path="note.md")
        case _:
            return team(1)(request)


async def die_in_the_worker(opened: Harness) -> None:
    """Run the worker's turn, but end it where its closing transaction would begin."""
    await opened.step()
    ((_, tenant, agent),) = await opened.collect()
    claimed = await opened.room.engine.claim(tenant, AgentId(agent))
    assert claimed is not None
    await opened.room.engine.invoke(claimed)
    await claimed.turn.journal.flush()


async def kinds(admin: AsyncConnection, prefix: str) -> list[str]:
    cursor = await admin.execute("SELECT kind FROM event WHERE kind LIKE %s ORDER BY seq", [f"{prefix}%"])
    return [row[0] for row in await cursor.fetchall()]


async def test_a_return_that_passed_the_gate_passes_again_when_its_file_has_changed(
    open_harness: Opener, admin: AsyncConnection, workspace: Path
) -> None:
    first, _ = await open_harness(reading)
    task = await first.submit("What colour is the lamp?", workspace=str(workspace))
    await die_in_the_worker(first)
    assert await kinds(admin, "gate") == ["gate.accepted"]
    (workspace / "note.md").write_text("The lamp is red.\n")
    await admin.execute(LAPSED)
    second, _ = await open_harness(reading, owner="worker-2")
    await second.room.reaper().round()
    await second.drive()
    tree = await second.platform.tasks.tree(second.principal, task)
    assert [agent.status for agent in tree.agents] == ["done", "done"]
    assert await kinds(admin, "gate") == ["gate.accepted"]


async def test_a_refusal_is_told_once(open_harness: Opener, admin: AsyncConnection) -> None:
    def script(request: ModelRequest) -> ModelReply:
        return says({"status": "perhaps"}) if request.kind in {"act", "return"} else team(1)(request)

    first, _ = await open_harness(script)
    await first.submit("refuse me")
    await die_in_the_worker(first)
    refused = await kinds(admin, "gate")
    await admin.execute(LAPSED)
    second, other = await open_harness(script, owner="worker-2")
    await second.room.reaper().round()
    await second.drive()
    assert refused == ["gate.refused"]
    assert await kinds(admin, "gate") == refused
    assert "act" not in {request.kind for request in other.requests}


async def test_recorded_calls_stand_although_the_deadline_has_passed(
    open_harness: Opener, admin: AsyncConnection, workspace: Path
) -> None:
    first, _ = await open_harness(reading)
    task = await first.submit(
        "What colour is the lamp?", workspace=str(workspace), budget={"seconds": 3600.0}
    )
    await die_in_the_worker(first)
    await admin.execute(LAPSED)
    await admin.execute(PASSED)
    second, other = await open_harness(reading, owner="worker-2")
    await second.room.reaper().round()
    await second.drive()
    tree = await second.platform.tasks.tree(second.principal, task)
    assert tree.agents[1].status == "done", "all its calls were recorded"
    assert other.requests == [], "and the lead may make no new one"


async def test_a_passed_deadline_ends_a_repeated_turn_the_same_way(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    first, _ = await open_harness(team(1))
    task = await first.submit("late", budget={"seconds": 3600.0})
    await first.step()
    await admin.execute(PASSED)
    ((_, tenant, agent),) = await first.collect()
    claimed = await first.room.engine.claim(tenant, AgentId(agent))
    assert claimed is not None
    outcome, _ = await first.room.engine.invoke(claimed)
    await claimed.turn.journal.flush()
    assert outcome.state == "failed"
    await admin.execute(LAPSED)
    second, other = await open_harness(team(1), owner="worker-2")
    await second.room.reaper().round()
    await second.drive()
    tree = await second.platform.tasks.tree(second.principal, task)
    assert tree.agents[1].error is not None
    assert tree.agents[1].error.code == "budget_exhausted"
    assert other.requests == []


@pytest.mark.parametrize("most", [1, 2])
async def test_no_agent_makes_more_model_calls_than_its_grant_allows(
    open_harness: Opener, admin: AsyncConnection, most: int
) -> None:
    def script(request: ModelRequest) -> ModelReply:
        return says("no plan, no return") if request.kind != "answer" else team(1)(request)

    opened, _ = await open_harness(script)
    await opened.run("go on and on", budget={"model_calls": most})
    cursor = await admin.execute("SELECT count(*) FROM call WHERE kind = 'model' GROUP BY agent_id")
    assert max(row[0] for row in await cursor.fetchall()) <= most


async def test_a_plan_is_asked_for_in_the_same_words_though_some_of_the_grant_is_spent(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    first, provider = await open_harness(team(2))
    task = await first.submit("plan within your means", budget={"tokens": 16_050})
    ((_, tenant, agent),) = await first.collect()
    claimed = await first.room.engine.claim(tenant, AgentId(agent))
    assert claimed is not None
    await first.room.engine.invoke(claimed)
    await admin.execute(LAPSED)
    second, other = await open_harness(team(2), owner="worker-2")
    await second.room.reaper().round()
    await second.drive()
    view = await second.view(task)
    assert view.status == "done"
    assert view.answer is not None
    assert any("the token budget fed 2 workers at most" in note for note in view.answer.notes)
    assert [request.kind for request in provider.requests] == ["plan"]
    assert "plan" not in {request.kind for request in other.requests}
