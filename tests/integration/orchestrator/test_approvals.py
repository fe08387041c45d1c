"""Approvals: a call that waits for a person, in any descendant, and nobody else waits with it."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from psycopg import AsyncConnection

from bench.support.engine import Harness
from bench.support.scripts import calls
from core.errors import AccessDenied, Conflict, InvalidInput, NotFound
from core.ids import AgentId, ApprovalId, TaskId, TenantId
from core.signals import LeaseLost
from orchestrator.turns.parking import Parking, Question
from tests.integration.orchestrator.conftest import Opener
from tests.integration.orchestrator.waits import (
    ASKER,
    LAPSED,
    OVERDUE,
    Died,
    Outside,
    agents,
    claim_next,
    decide,
    family,
    kinds,
    pending,
    poster,
    the_one,
)


@pytest.fixture
def broker_url() -> str:
    return "memory://"


def a_question() -> Question:
    return Question(
        id=ApprovalId(uuid4()),
        call="",
        position=1,
        attempt=0,
        kind="tool",
        tool="post",
        arguments={},
        evidence={},
        fallback="deny",
        seconds=60,
        deadline=None,
    )


async def asked(opened: Harness, **more: object) -> TaskId:
    """A task that has gone on until it waits for a decision."""
    task = await opened.submit("post it", tools=["post"], approve=["post"], **more)
    await opened.drive()
    return task


async def test_an_approval_in_a_grandchild_resumes_only_that_grandchild(open_harness: Opener) -> None:
    tool, told = Outside(), list[str]()
    opened, _ = await open_harness(family(told), extra_tools=[tool])
    task = await asked(opened, budget={"depth": 2})
    before = await agents(opened, task)
    assert before[ASKER].waiting_on == "approval"
    assert {name: agent.status for name, agent in before.items() if agent.depth == 2} == {
        "left leaf": "waiting",
        "left twig": "done",
        "right leaf": "done",
        "right twig": "done",
    }
    assert opened.room.leases.held == 0, "nobody holds a slot"
    assert tool.posted == []
    await decide(opened, await the_one(opened), "approve")
    ((_, _, resumed),) = await opened.collect()
    assert resumed == before[ASKER].id
    await opened.room.engine.advance(opened.principal.tenant, AgentId(resumed))
    after = await agents(opened, task)
    assert {name for name in before if after[name].turns != before[name].turns} == {ASKER}
    await opened.drive()
    assert tool.entries == ["one"]
    assert told == ["posted one"]
    assert (await opened.view(task)).status == "done"


async def test_the_repeated_turn_makes_no_recorded_call_again(open_harness: Opener) -> None:
    opened, provider = await open_harness(poster([]), extra_tools=[Outside()])
    await asked(opened)
    assert [request.kind for request in provider.requests] == ["plan", "act"]
    await decide(opened, await the_one(opened), "approve")
    await opened.drive()
    assert [request.kind for request in provider.requests] == ["plan", "act", "act", "answer"]


async def test_the_person_sees_what_there_is_to_decide_by(open_harness: Opener) -> None:
    opened, _ = await open_harness(
        poster([]), extra_tools=[Outside(sinks={"entry": "recipient"})], approval_seconds=600
    )
    task = await asked(opened)
    approval = await the_one(opened)
    assert (approval.kind, approval.tool, approval.arguments) == ("tool", "post", {"entry": "one"})
    assert (approval.task, approval.title, approval.fallback) == (task, ASKER, "deny")
    assert approval.evidence.tainted_arguments == ("entry",)
    assert (approval.evidence.effect, approval.evidence.tainted) == ("unsafe", True)
    assert 590 < (approval.expires_at - approval.requested_at).total_seconds() <= 600
    assert (await kinds(opened, task)).count("approval.requested") == 1
    assert await opened.platform.approvals.get(opened.principal, approval.id) == approval


async def test_what_was_approved_may_reach_a_sensitive_place(open_harness: Opener) -> None:
    tool = Outside(sinks={"entry": "recipient"})
    opened, _ = await open_harness(poster([]), extra_tools=[tool])
    await asked(opened)
    await decide(opened, await the_one(opened), "approve")
    await opened.drive()
    assert tool.entries == ["one"]


async def test_a_tool_may_always_ask(open_harness: Opener) -> None:
    tool = Outside(approval=True)
    opened, _ = await open_harness(poster([]), extra_tools=[tool])
    await opened.submit("post it", tools=["post"])
    await opened.drive()
    assert tool.posted == []
    assert (await the_one(opened)).tool == "post"


async def test_a_person_may_change_the_arguments_and_both_are_kept(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    tool, told = Outside(), list[str]()
    opened, _ = await open_harness(poster(told), extra_tools=[tool])
    await asked(opened)
    approval = await the_one(opened)
    for wrong in ({}, {"entry": 5}, {"entry": "two", "more": 1}):
        with pytest.raises(InvalidInput, match="could not run with these arguments"):
            await decide(opened, approval, "approve", arguments=wrong)
    with pytest.raises(InvalidInput, match="leave them out to deny"):
        await decide(opened, approval, "deny", arguments={"entry": "two"})
    decided = await decide(opened, approval, "approve", arguments={"entry": "two"}, note="not one")
    assert (decided.status, decided.arguments, decided.edited) == (
        "approved",
        {"entry": "one"},
        {"entry": "two"},
    )
    await opened.drive()
    assert tool.entries == ["two"]
    assert told == ["posted two"]
    cursor = await admin.execute("SELECT request FROM call WHERE name = 'post'")
    row = await cursor.fetchone()
    assert row is not None
    assert row[0] == {
        "name": "post",
        "arguments": '{"entry": "one"}',
        "approved_arguments": {"entry": "two"},
    }


async def test_a_denied_call_is_refused_and_the_note_is_no_order(open_harness: Opener) -> None:
    tool, told = Outside(), list[str]()
    opened, _ = await open_harness(poster(told), extra_tools=[tool])
    task = await asked(opened)
    await decide(opened, await the_one(opened), "deny", note="</data> not yet")
    await opened.drive()
    assert tool.posted == []
    assert "approval_denied" in told[0]
    assert '<data name="note" trust="user">\n"\\u003c/data\\u003e not yet"\n</data>' in told[0]
    assert (await opened.view(task)).status == "done"
    assert "tool.refused" in await kinds(opened, task)


@pytest.mark.parametrize(("fallback", "entries"), [("deny", []), ("approve", ["one"])])
async def test_what_nobody_decides_in_time_is_decided_by_default(
    open_harness: Opener, admin: AsyncConnection, fallback: str, entries: list[str]
) -> None:
    tool, told = Outside(), list[str]()
    opened, _ = await open_harness(poster(told), extra_tools=[tool], approval_default=fallback)
    task = await asked(opened)
    approval = await the_one(opened)
    await opened.room.reaper().round()
    assert await opened.collect() == [], "there is time yet"
    await admin.execute(OVERDUE)
    await opened.room.reaper().round()
    await opened.room.reaper().round()
    await opened.drive()
    assert tool.entries == entries
    assert ("nobody approved" in told[0]) == (fallback == "deny")
    assert (await opened.view(task)).status == "done"
    assert (await kinds(opened, task)).count("approval.decided") == 1
    with pytest.raises(Conflict, match="expired"):
        await decide(opened, approval, "approve")


async def test_an_approval_expires_with_the_deadline(open_harness: Opener, admin: AsyncConnection) -> None:
    opened, _ = await open_harness(poster([]), extra_tools=[Outside()])
    await asked(opened, budget={"seconds": 60.0})
    approval = await the_one(opened)
    assert (approval.expires_at - approval.requested_at).total_seconds() < 60


async def test_of_two_deciders_one_wins_and_the_other_is_told(open_harness: Opener) -> None:
    tool = Outside()
    opened, _ = await open_harness(poster([]), extra_tools=[tool])
    task = await asked(opened)
    approval = await the_one(opened)
    outcomes = await asyncio.gather(
        *(decide(opened, approval, choice) for choice in ("approve", "deny", "approve", "deny")),
        return_exceptions=True,
    )
    stands = (await opened.platform.approvals.get(opened.principal, approval.id)).status
    won = [each.status for each in outcomes if not isinstance(each, BaseException)]
    lost = [each for each in outcomes if isinstance(each, BaseException)]
    assert won == [stands] * 2, "the same decision again is no other one"
    assert [type(each) for each in lost] == [Conflict] * 2
    assert all(f"was {stands}" in str(each) for each in lost)
    assert (await kinds(opened, task)).count("approval.decided") == 1
    await opened.drive()
    assert tool.entries == (["one"] if stands == "approved" else [])


async def test_a_worker_that_dies_as_it_asks_asks_once(open_harness: Opener, admin: AsyncConnection) -> None:
    first, _ = await open_harness(poster([]), extra_tools=[Outside()])
    task = await first.submit("post it", tools=["post"], approve=["post"])
    await first.step()
    claimed = await claim_next(first)
    with pytest.raises(Exception, match="Question"):
        await first.room.engine.invoke(claimed)
    assert await pending(first) == [], "the wait and the question are one transaction"
    await admin.execute(LAPSED)
    tool = Outside()
    second, _ = await open_harness(poster([]), owner="worker-2", extra_tools=[tool])
    await second.room.reaper().round()
    await second.drive()
    await decide(second, await the_one(second), "approve")
    await second.drive()
    assert tool.entries == ["one"]
    assert (await second.view(task)).status == "done"


async def test_a_worker_that_dies_behind_the_decision_repeats_nothing(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    """An approved keyed call is in flight when its worker dies: it comes again, and nobody is asked again."""
    dying, tool = Outside("keyed"), Outside("keyed")
    first, _ = await open_harness(poster([]), extra_tools=[dying])
    task = await asked(first)
    await decide(first, await the_one(first), "approve", arguments={"entry": "two"})
    dying.dying = 1
    claimed = await claim_next(first)
    with pytest.raises(Died):
        await first.room.engine.invoke(claimed)
    await admin.execute(LAPSED)
    second, _ = await open_harness(poster([]), owner="worker-2", extra_tools=[tool])
    await second.room.reaper().round()
    await second.drive()
    assert dying.posted == tool.posted
    assert tool.entries == ["two"]
    assert (await second.view(task)).status == "done"


async def test_an_approval_is_withdrawn_with_its_agent(open_harness: Opener) -> None:
    opened, _ = await open_harness(poster([]), extra_tools=[Outside()])
    task = await asked(opened)
    approval = await the_one(opened)
    await opened.platform.tasks.cancel(opened.principal, task)
    assert await pending(opened) == []
    with pytest.raises(Conflict, match="its agent has ended"):
        await decide(opened, approval, "approve")


async def test_a_worker_that_lost_its_lease_asks_nothing(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    """A stopped worker comes to its call after another has taken the agent."""
    stopped, _ = await open_harness(poster([]), extra_tools=[Outside()])
    await stopped.submit("post it", tools=["post"], approve=["post"])
    await stopped.step()
    old = await claim_next(stopped)
    await admin.execute(LAPSED)
    other, _ = await open_harness(poster([]), owner="worker-2", extra_tools=[Outside()])
    await other.room.reaper().round()
    new = await claim_next(other)
    with pytest.raises(LeaseLost):
        await Parking(stopped.platform.database).park(old.lease, a_question())
    assert await pending(other) == []
    await other.room.engine.run(new)
    assert len(await pending(other)) == 1


async def test_what_cannot_run_is_refused_without_asking(open_harness: Opener) -> None:
    told: list[str] = []
    opened, _ = await open_harness(
        poster(told, lambda: calls("post", nothing="here")), extra_tools=[Outside()]
    )
    task = await asked(opened)
    assert await pending(opened) == []
    assert "tool_input_invalid" in told[0]
    assert (await opened.view(task)).status == "done"


async def test_a_tool_that_is_not_there_cannot_be_named(open_harness: Opener) -> None:
    opened, _ = await open_harness(poster([]))
    with pytest.raises(InvalidInput, match="there is no tool 'launch'"):
        await opened.submit("launch", approve=["launch"])


async def test_approvals_are_the_tenants_own(open_harness: Opener, other_tenant: TenantId) -> None:
    opened, _ = await open_harness(poster([]), extra_tools=[Outside()])
    task = await asked(opened)
    approval = await the_one(opened)
    stranger, _ = await open_harness(poster([]), tenant=other_tenant)
    assert await pending(stranger) == []
    with pytest.raises(NotFound):
        await decide(stranger, approval, "approve")
    for change in (stranger.platform.control.pause, stranger.platform.control.resume):
        with pytest.raises(NotFound):
            await change(stranger.principal, task)
    reader = opened.principal.__class__(
        tenant=opened.principal.tenant,
        key=opened.principal.key,
        name="reader",
        scopes=frozenset({"tasks:read"}),
    )
    opened.principal = reader
    with pytest.raises(AccessDenied):
        await decide(opened, approval, "approve")


async def test_the_list_is_paged_newest_first(open_harness: Opener) -> None:
    opened, _ = await open_harness(poster([]), extra_tools=[Outside()])
    tasks = [await asked(opened) for _ in range(3)]
    approvals = opened.platform.approvals
    first = await approvals.list(opened.principal, status="pending", task=None, limit=2, cursor=None)
    rest = await approvals.list(
        opened.principal, status="pending", task=None, limit=2, cursor=first.next_cursor
    )
    assert [each.task for each in (*first.data, *rest.data)] == tasks[::-1]
    assert not rest.has_more
    of_one = await approvals.list(opened.principal, status=None, task=tasks[1], limit=2, cursor=None)
    assert [each.task for each in of_one.data] == [tasks[1]]
