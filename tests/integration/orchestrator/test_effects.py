"""Effects of a worker that died in a call: keyed ones come again, and of unsafe ones a person decides."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from psycopg import AsyncConnection

from bench.support.engine import Harness, Script
from bench.support.scripts import NOTHING_FOUND, calls, says
from inference.model import ModelReply, ModelRequest
from tests.integration.orchestrator.conftest import Opener
from tests.integration.orchestrator.waits import (
    LAPSED,
    OVERDUE,
    Died,
    Outside,
    claim_next,
    decide,
    pending,
    poster,
    recorded,
    the_one,
)
from tools.contract import Effect


async def lose_in_the_tool(opened: Harness, admin: AsyncConnection, tool: Outside) -> None:
    """The only ready agent's worker dies in the tool, and the reaper takes the agent back."""
    tool.dying = 1
    claimed = await claim_next(opened)
    with pytest.raises(Died):
        await opened.room.engine.invoke(claimed)
    await admin.execute(LAPSED)
    await opened.room.reaper().round()


async def lost(
    open_harness: Opener, admin: AsyncConnection, effect: Effect, told: list[str]
) -> tuple[Harness, Outside, UUID]:
    """A task whose worker's worker process died in `post`."""
    tool = Outside(effect)
    opened, _ = await open_harness(poster(told), extra_tools=[tool])
    task = await opened.submit("post it", tools=["post"])
    await opened.step()
    await lose_in_the_tool(opened, admin, tool)
    return opened, tool, task


async def test_a_keyed_call_comes_again_under_its_key(open_harness: Opener, admin: AsyncConnection) -> None:
    told: list[str] = []
    opened, tool, task = await lost(open_harness, admin, "keyed", told)
    await opened.drive()
    assert len(tool.posted) == 2
    assert len(set(tool.posted)) == 1
    assert json.dumps(told).count("posted one") == 1
    assert await recorded(admin) == [("done", 2)]
    assert (await opened.view(task)).status == "done"


async def test_an_unsafe_call_waits_for_somebody_who_looks(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, tool, _ = await lost(open_harness, admin, "unsafe", [])
    await opened.drive()
    approval = await the_one(opened)
    assert (approval.kind, approval.tool, approval.fallback) == ("unknown_outcome", "post", "deny")
    assert approval.arguments == {"entry": "one"}
    assert (approval.evidence.attempts, approval.evidence.worker) == (1, "worker-1")
    assert approval.evidence.started_at is not None
    assert len(tool.posted) == 1
    assert await recorded(admin) == [("intent", 1)]


async def test_an_unsafe_call_runs_once_more_when_a_person_says_so(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    told: list[str] = []
    opened, tool, task = await lost(open_harness, admin, "unsafe", told)
    await opened.drive()
    await decide(opened, await the_one(opened), "approve")
    await opened.drive()
    assert len(tool.posted) == 2
    assert told == ["posted one"]
    assert await recorded(admin) == [("done", 2)]
    assert (await opened.view(task)).status == "done"


@pytest.mark.parametrize("decided", [True, False])
async def test_else_it_is_never_made_again_and_the_agent_is_told_that_nobody_knows(
    open_harness: Opener, admin: AsyncConnection, decided: bool
) -> None:
    told: list[str] = []
    opened, tool, task = await lost(open_harness, admin, "unsafe", told)
    await opened.drive()
    if decided:
        await decide(opened, await the_one(opened), "deny", note="it did arrive")
    else:
        await admin.execute(OVERDUE)
        await opened.room.reaper().round()
    await opened.drive()
    assert len(tool.posted) == 1
    assert "unknown_outcome" in told[0]
    assert ("it did arrive" in told[0]) == decided
    assert await recorded(admin) == [("unknown", 1)]
    assert (await opened.view(task)).status == "done"


async def test_each_loss_is_asked_about(open_harness: Opener, admin: AsyncConnection) -> None:
    """That somebody allowed a second attempt says nothing of a third."""
    opened, tool, _ = await lost(open_harness, admin, "unsafe", [])
    await opened.drive()
    first = await the_one(opened)
    await decide(opened, first, "approve")
    await lose_in_the_tool(opened, admin, tool)
    await opened.drive()
    second = await the_one(opened)
    assert second.id != first.id
    assert second.evidence.attempts == 2
    assert len(tool.posted) == 2


async def test_past_its_deadline_nobody_is_asked(open_harness: Opener, admin: AsyncConnection) -> None:
    tool = Outside()
    opened, _ = await open_harness(poster([]), extra_tools=[tool])
    await opened.submit("post it", tools=["post"], budget={"seconds": 3600.0})
    await opened.step()
    await lose_in_the_tool(opened, admin, tool)
    await admin.execute(
        "UPDATE agent SET granted = jsonb_set(granted, '{deadline}', to_jsonb(now() - interval '1 minute'))"
    )
    await opened.drive()
    assert await pending(opened) == []
    assert await recorded(admin) == [("unknown", 1)]


@pytest.mark.parametrize(
    ("effect", "state"), [("pure", "failed"), ("keyed", "unknown"), ("unsafe", "unknown")]
)
async def test_of_a_call_that_took_too_long_only_a_pure_one_is_known_to_have_done_nothing(
    open_harness: Opener, admin: AsyncConnection, effect: Effect, state: str
) -> None:
    told: list[str] = []
    tool = Outside(effect, hangs=True)
    opened, _ = await open_harness(poster(told), extra_tools=[tool])
    await opened.run("post it", tools=["post"])
    assert await recorded(admin) == [(state, 1)]
    assert ("whether the call took effect is not known" in json.dumps(told)) == (state == "unknown")
    assert len(tool.posted) == 1


def insistent(told: list[str], times: int) -> Script:
    """A worker that makes the same call again, whatever came of it."""

    def script(request: ModelRequest) -> ModelReply:
        if request.kind == "act" and request.messages[-1].role == "tool":
            told.append(request.messages[-1].content)
            return calls("post", entry="one") if len(told) < times else says(NOTHING_FOUND)
        return poster([])(request)

    return script


async def test_nobody_makes_an_unsafe_call_again_that_may_have_taken_effect_unless_a_person_says_so(
    open_harness: Opener,
) -> None:
    told: list[str] = []
    tool = Outside("unsafe", hangs=True)
    opened, _ = await open_harness(insistent(told, 3), extra_tools=[tool])
    task = await opened.submit("post it", tools=["post"])
    await opened.drive()
    asked = await the_one(opened)
    assert (asked.kind, asked.evidence.attempts, len(tool.posted)) == ("unknown_outcome", 1, 1)
    await decide(opened, asked, "deny")
    await opened.drive()
    assert (len(told), len(tool.posted)) == (3, 1)
    assert all("do not make it again" in said for said in told[1:])
    assert await pending(opened) == []
    assert (await opened.view(task)).status == "done"


async def test_a_keyed_call_made_again_carries_the_key_of_the_one_that_may_have_arrived(
    open_harness: Opener,
) -> None:
    tool = Outside("keyed", hangs=True)
    opened, _ = await open_harness(insistent([], 3), extra_tools=[tool])
    await opened.run("post it", tools=["post"])
    assert len(tool.posted) == 3
    assert len(set(tool.posted)) == 1
