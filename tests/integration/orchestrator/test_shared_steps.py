"""Steps that ask the same of the same are done once; one that failed is nobody else's."""

from __future__ import annotations

from typing import Any

import pytest
from psycopg import AsyncConnection

from bench.support.scripts import says
from core.errors import ModelRefused
from inference.model import ModelReply, ModelRequest
from tests.integration.orchestrator.conftest import Opener
from tests.integration.orchestrator.steered import Stage, model_calls, planned, question, unsettled


@pytest.fixture
def broker_url() -> str:
    """One is enough: how work is shared does not hang on it."""
    return "memory://"


def converging(request: ModelRequest) -> ModelReply:
    """Two of three steps ask the same; the third rests on both."""
    if request.kind != "plan":
        return planned()(request)
    steps: list[dict[str, Any]] = [
        {"title": title, "question": asked, "inputs": list[str](), "split": False, "after": after}
        for title, asked, after in (
            ("left", "Who was there?", list[int]()),
            ("right", "Who was there?", list[int]()),
            ("both", "What follows?", [1, 2]),
        )
    ]
    return says({"subtasks": steps})


async def test_the_same_work_is_done_once_and_what_rests_on_it_goes_on(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, _ = await open_harness(converging)
    stage = await Stage.submit(opened)
    assert await stage.nodes() == {"left": "running", "right": "running", "both": "pending"}
    tree = await stage.finish()
    assert tree.task.status == "done"
    assert await stage.nodes() == {"left": "done", "right": "done", "both": "done"}
    assert await model_calls(admin, stage.task) == {"lead": 2, "left": 1, "both": 1}
    nodes = {node.title: node for node in tree.nodes}
    assert (nodes["right"].shares, nodes["left"].shares) == (nodes["left"].id, None)
    assert nodes["right"].agent == nodes["left"].agent
    assert await unsettled(admin, stage.task) == 0


async def test_a_step_said_later_gets_what_is_known_and_no_child(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    """`again` asks what the user asked before, and nothing changed since."""
    opened, _ = await open_harness(planned("alpha", "beta"))
    stage = await Stage.submit(opened)
    await stage.say("add", "Who was there?")
    await stage.turn("lead")
    await stage.turn("Who was there?")
    await stage.say("add", "Who was there?")
    tree = await stage.finish()
    assert tree.task.status == "done"
    assert [node.status for node in tree.nodes if node.title == "Who was there?"] == ["done", "done"]
    assert await model_calls(admin, stage.task) == {"lead": 2, "alpha": 1, "beta": 1, "Who was there?": 1}


async def test_what_failed_is_not_shared(open_harness: Opener, admin: AsyncConnection) -> None:
    failed: list[str] = []

    def script(request: ModelRequest) -> ModelReply:
        if request.kind == "act" and question(request) == "Who was there?" and not failed:
            failed.append("left")
            raise ModelRefused("no")
        return converging(request)

    opened, _ = await open_harness(script)
    stage = await Stage.submit(opened)
    tree = await stage.finish()
    nodes = {node.title: node for node in tree.nodes}
    assert (nodes["left"].status, nodes["right"].status) == ("failed", "done")
    assert nodes["right"].shares is None
    assert [agent.title for agent in tree.agents if agent.depth == 1][:2] == ["left", "right"]
    assert await unsettled(admin, stage.task) == 0


async def test_a_step_taken_out_leaves_the_work_it_shared_to_the_other(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, _ = await open_harness(converging)
    stage = await Stage.submit(opened)
    claimed = await stage.claim("left")
    await stage.say("retract", node="s2")
    await stage.turn("lead")
    await opened.room.engine.run(claimed)
    await stage.finish()
    assert await stage.nodes() == {"left": "done", "both": "done"}
    assert await model_calls(admin, stage.task) == {"lead": 2, "left": 1, "both": 1}


async def test_a_step_asked_anew_does_not_take_the_other_with_it(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    """The one that shared runs by itself: the change made it stale."""
    opened, _ = await open_harness(converging)
    stage = await Stage.submit(opened)
    await stage.turn("left")
    await stage.say("revise", "Who was missing?", node="s1")
    tree = await stage.finish()
    nodes = {node.title: node for node in tree.nodes}
    assert nodes["right"].shares is None
    assert {node.status for node in tree.nodes} == {"done"}
    assert await model_calls(admin, stage.task) == {
        "lead": 2,
        "left": 1,
        "Who was missing?": 1,
        "right": 1,
        "both": 1,
    }
