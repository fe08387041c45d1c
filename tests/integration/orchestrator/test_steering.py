"""What people say to a running task: it is kept, takes effect once, and only what it concerns runs again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from psycopg import AsyncConnection

from agents.ports import Told
from bench.support.scripts import calls
from core.blocks import read_blocks
from core.errors import AccessDenied, Conflict, InvalidInput, NotFound
from core.ids import TenantId
from inference.model import ModelReply, ModelRequest
from orchestrator.engine.closing import Closing
from orchestrator.services.views import NewMessage
from orchestrator.turns.turn import LiveTurn
from tests.conftest import TestDatabase, add_tenant
from tests.integration.orchestrator.conftest import Opener
from tests.integration.orchestrator.steered import Stage, model_calls, planned, question, unsettled
from tools import ToolContext, ToolResult, ToolSpec
from tools.contract import Arguments


@pytest.fixture
def broker_url() -> str:
    """One is enough: what a message does does not hang on it."""
    return "memory://"


async def test_a_step_is_added_while_others_run(open_harness: Opener, admin: AsyncConnection) -> None:
    opened, _ = await open_harness(planned("alpha", "beta"))
    stage = await Stage.submit(opened)
    sent = await stage.say("add", "gamma too")
    await stage.turn("alpha")
    tree = await stage.finish()
    assert tree.task.status == "done"
    assert await stage.nodes() == {"alpha": "done", "beta": "done", "gamma too": "done"}
    assert await model_calls(admin, stage.task) == {"lead": 2, "alpha": 1, "beta": 1, "gamma too": 1}
    (message,) = await stage.messages()
    (applied,) = await stage.events("message.applied")
    assert (sent.number, sent.status, message.status) == (1, "pending", "applied")
    assert message.applied_at_event == applied.seq
    assert await unsettled(admin, stage.task) == 0


async def test_an_added_step_is_the_users_own_question(open_harness: Opener) -> None:
    opened, provider = await open_harness(planned("alpha"))
    stage = await Stage.submit(opened)
    await stage.say("add", "Is it < 5 o'clock?")
    await stage.finish()
    (asked,) = [request for request in provider.requests if question(request).startswith("Is it")]
    assert '<data name="question" trust="user">' in asked.messages[1].content
    async with opened.platform.database.unit_of_work(opened.principal.tenant) as work:
        tree = await opened.platform.task_tree.load(work, stage.task)
    (added,) = [revision for revision in tree.revisions if revision.after.key == "s2"][:1]
    assert not added.after.tainted
    answer = next(request for request in provider.requests if request.kind == "answer")
    said = [each.content for each in answer.messages if each.content.startswith('<data name="steering"')]
    steering = read_blocks(said[-1])["steering"]
    assert steering == [{"kind": "add", "step": "s2", "text": "Is it < 5 o'clock?"}]


class Letter(Arguments):
    to: str


class Post:
    spec = ToolSpec(name="post", description="Send a letter.", arguments=Letter, sinks={"to": "recipient"})

    async def run(self, arguments: Letter, context: ToolContext) -> ToolResult:
        return ToolResult(content=f"sent to {arguments.to}")


async def test_what_the_user_says_may_be_acted_on_and_what_a_model_says_may_not(
    open_harness: Opener,
) -> None:
    """A recipient is a sensitive argument: a tool takes one only as the user wrote it."""

    def script(request: ModelRequest) -> ModelReply:
        if request.kind == "act" and request.messages[-1].role == "user":
            return calls("post", to="ada@example.org")
        return planned("alpha")(request)

    opened, _ = await open_harness(script, extra_tools=[Post()])
    stage = await Stage.submit(opened, tools=["post"], tainted_sinks="refuse")
    await stage.say("add", "write to ada@example.org too")
    await stage.finish()
    (refused,) = await stage.events("tool.refused")
    (sent,) = await stage.events("tool.finished")
    titles = {agent.id: agent.title for agent in (await stage.tree()).agents}
    assert titles[refused.agent] == "alpha"
    assert titles[sent.agent] == "write to ada@example.org too"


async def test_a_running_step_is_asked_anew_and_its_siblings_go_on(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, provider = await open_harness(planned("alpha", "beta"))
    stage = await Stage.submit(opened, budget={"tokens": 200_000})
    await stage.turn("beta")
    claimed = await stage.claim("alpha")
    await stage.say("revise", "omega instead", node="s1")
    await stage.turn("lead")
    await opened.room.engine.run(claimed)
    stopped = (await stage.agents("alpha"))[0]
    tree = await stage.finish()
    assert (stopped.status, stopped.usage.completion_tokens) == ("cancelled", 0)
    assert tree.task.status == "done"
    assert await stage.nodes() == {"omega instead": "done", "beta": "done"}
    assert await model_calls(admin, stage.task) == {"lead": 2, "alpha": 0, "beta": 1, "omega instead": 1}
    assert "omega instead" in {question(request) for request in provider.requests}
    assert await unsettled(admin, stage.task) == 0


async def test_what_rests_on_a_revised_step_runs_again_and_nothing_else(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    def script(request: ModelRequest) -> ModelReply:
        reply = planned("alpha", "beta", "gamma", after=True)(request)
        if request.kind == "plan":
            return reply.model_copy(update={"content": reply.content.replace("[2]", "[1]")})
        return reply

    opened, _ = await open_harness(script)
    stage = await Stage.submit(opened)
    for title in ("alpha", "lead", "beta"):
        await stage.turn(title)
    claimed = await stage.claim("gamma")
    await stage.say("revise", "alpha prime", node="s1")
    await stage.turn("lead")
    assert await stage.nodes() == {"alpha prime": "running", "beta": "stale", "gamma": "stale"}
    await opened.room.engine.run(claimed)
    await stage.finish()
    assert [agent.status for agent in await stage.agents("gamma")] == ["cancelled", "done"]
    assert await model_calls(admin, stage.task) == {
        "lead": 2,
        "alpha": 1,
        "alpha prime": 1,
        "beta": 2,
        "gamma": 1,
    }
    assert await unsettled(admin, stage.task) == 0


async def test_a_step_that_is_done_can_be_asked_anew(open_harness: Opener, admin: AsyncConnection) -> None:
    opened, _ = await open_harness(planned("alpha", "beta"))
    stage = await Stage.submit(opened)
    await stage.turn("alpha")
    await stage.say("add", "more of it", node="s1")
    await stage.turn("lead")
    await stage.say("revise", "alpha again", node="s1")
    tree = await stage.finish()
    assert tree.task.answer is not None
    assert await model_calls(admin, stage.task) == {
        "lead": 2,
        "alpha": 1,
        "alpha again": 1,
        "beta": 1,
        "more of it": 1,
    }


async def test_a_retracted_step_is_stopped_and_left_out(open_harness: Opener, admin: AsyncConnection) -> None:
    opened, _ = await open_harness(planned("alpha", "beta", after=True))
    stage = await Stage.submit(opened)
    claimed = await stage.claim("alpha")
    await stage.say("retract", node="s1")
    await stage.turn("lead")
    await opened.room.engine.run(claimed)
    tree = await stage.finish()
    assert tree.task.status == "done"
    assert await stage.nodes() == {"beta": "done"}
    assert [agent.status for agent in await stage.agents("alpha")] == ["cancelled"]
    assert tree.task.answer is not None
    assert tree.task.answer.notes == ()
    assert await unsettled(admin, stage.task) == 0


async def test_a_question_is_answered_and_changes_nothing(open_harness: Opener) -> None:
    opened, provider = await open_harness(planned("alpha", "beta"))
    stage = await Stage.submit(opened)
    await stage.turn("alpha")
    await stage.say("ask", "How far are you?")
    await stage.turn("lead")
    before = await stage.events("tree.revised")
    (message,) = await stage.messages()
    (answered,) = await stage.events("message.answered")
    assert (message.reply, message.applied_at_event) == ("half of it is done", answered.seq)
    (asked,) = [request for request in provider.requests if request.kind == "reply"]
    plan = read_blocks(asked.messages[-1].content)["plan"]
    assert isinstance(plan, list)
    assert [step["status"] for step in plan if isinstance(step, dict)] == ["done", "running"]
    tree = await stage.finish()
    assert tree.task.agents == 3
    assert len(await stage.events("tree.revised")) == len(before) + 1, "beta ended, and nothing else"


async def test_a_question_that_cannot_be_answered_is_refused_and_the_task_goes_on(
    open_harness: Opener,
) -> None:
    def script(request: ModelRequest) -> ModelReply:
        if request.kind == "reply":
            return planned("never")(request).model_copy(update={"content": "I would rather chat."})
        return planned("alpha")(request)

    opened, _ = await open_harness(script)
    stage = await Stage.submit(opened)
    await stage.say("ask", "How far are you?")
    tree = await stage.finish()
    (message,) = await stage.messages()
    assert tree.task.status == "done"
    assert message.error is not None
    assert (message.status, message.error.code) == ("refused", "model_output_invalid")


async def test_a_message_goes_to_the_lead_whose_plan_has_the_step(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, _ = await open_harness(planned("alpha", "beta", split=1))
    stage = await Stage.submit(opened)
    await stage.turn("alpha")
    message = await stage.say("revise", "left but new", node=await stage.key("alpha left"))
    (nested,) = await stage.agents("alpha")
    assert message.agent == nested.id
    await stage.turn("alpha")
    await stage.finish()
    assert await model_calls(admin, stage.task) == {
        "lead": 2,
        "alpha": 2,
        "alpha left": 0,
        "alpha right": 1,
        "left but new": 1,
        "beta": 1,
    }
    assert await unsettled(admin, stage.task) == 0


async def test_where_that_lead_has_ended_its_step_runs_again_and_is_told(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    opened, provider = await open_harness(planned("alpha", "beta", split=1))
    stage = await Stage.submit(opened)
    for title in ("alpha", "alpha left", "alpha right", "alpha"):
        await stage.turn(title)
    message = await stage.say("add", "also up", node=await stage.key("alpha left"))
    (root,) = await stage.agents("lead")
    assert message.agent == root.id
    await stage.finish()
    asked = [question(request) for request in provider.requests if request.kind == "plan"]
    assert asked[-1] == "look into alpha\n\nalso up"
    assert len(await stage.agents("alpha")) == 2
    assert (await model_calls(admin, stage.task))["beta"] == 1
    async with opened.platform.database.unit_of_work(opened.principal.tenant) as work:
        tree = await opened.platform.task_tree.load(work, stage.task)
    anew = next(revision for revision in tree.revisions if revision.op == "substitute")
    assert anew.after.tainted, "its title is still the model's"
    nodes = [node.title for node in tree.nodes]
    assert sorted(nodes) == ["alpha", "beta", "up left", "up right"], "what the first run planned is gone"


async def test_a_lead_that_fails_leaves_its_messages_to_the_one_above(open_harness: Opener) -> None:
    def script(request: ModelRequest) -> ModelReply:
        reply = planned("alpha", "beta", split=1)(request)
        if request.kind == "select":
            return reply.model_copy(update={"content": "no selection"})
        return reply

    opened, _ = await open_harness(script)
    stage = await Stage.submit(opened)
    for title in ("alpha", "alpha left", "alpha right"):
        await stage.turn(title)
    claimed = await stage.claim("alpha")
    outcome, saved = await opened.room.engine.invoke(claimed)
    assert outcome.state == "failed"
    await stage.say("retract", node=await stage.key("alpha left"))
    closing = Closing(opened.platform.database, opened.platform.task_tree)
    await closing.close(claimed.lease, claimed.turn, outcome, saved)
    (message,) = await stage.messages()
    (root,) = await stage.agents("lead")
    assert (message.status, message.agent) == ("pending", root.id)
    await stage.finish()
    (message,) = await stage.messages()
    assert message.status == "applied"
    assert len(await stage.agents("alpha")) == 2


async def test_a_message_that_comes_while_the_answer_is_made_is_heard(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    """It comes after the last look and before the end: the root may not end unheard."""
    opened, provider = await open_harness(planned("alpha"))
    stage = await Stage.submit(opened)
    await stage.turn("alpha")
    listen, late = LiveTurn.heard, list[str](["one more thing"])

    async def heard(turn: LiveTurn) -> Sequence[Told]:
        found = await listen(turn)
        if late:
            await stage.say("add", late.pop())
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LiveTurn, "heard", heard)
        await stage.turn("lead")
    tree = await stage.finish()
    assert tree.task.status == "done"
    assert await stage.nodes() == {"alpha": "done", "one more thing": "done"}
    assert [request.kind for request in provider.requests] == ["plan", "act", "answer", "act", "answer"]
    assert await unsettled(admin, stage.task) == 0


async def test_a_message_that_comes_before_there_is_a_plan_is_heard_at_once(open_harness: Opener) -> None:
    """The lead was about to wait for its children: it is not left waiting."""
    opened, provider = await open_harness(planned("alpha"))
    stage = Stage(opened, await opened.submit("what is new?", memory=False))
    complete = provider.complete

    async def saying(request: ModelRequest, **more: Any) -> ModelReply:
        if request.kind == "plan":
            await stage.say("add", "gamma")
        return await complete(request, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provider, "complete", saying)
        await stage.turn("lead")
    assert [agent.status for agent in await stage.agents("lead")] == ["ready"]
    await stage.turn("lead")
    assert await stage.nodes() == {"alpha": "running", "gamma": "running"}
    assert (await stage.finish()).task.status == "done"


async def test_a_question_while_the_answer_is_made_does_not_make_it_anew(open_harness: Opener) -> None:
    opened, provider = await open_harness(planned("alpha"))
    stage = await Stage.submit(opened)
    await stage.turn("alpha")
    asked: list[str] = []

    async def complete(request: ModelRequest, **_: object) -> ModelReply:
        if request.kind == "answer" and not asked:
            asked.append("once")
            await stage.say("ask", "Are you done?")
        return await type(provider).complete(provider, request, on_progress=_silent)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provider, "complete", complete)
        tree = await stage.finish()
    (message,) = await stage.messages()
    assert message.reply == "half of it is done"
    assert tree.task.answer is not None
    assert [request.kind for request in provider.requests] == ["plan", "act", "answer", "reply"]


async def _silent(_: float) -> None:
    return None


async def test_messages_take_effect_in_the_order_of_their_coming(open_harness: Opener) -> None:
    opened, _ = await open_harness(planned("alpha"))
    stage = await Stage.submit(opened, budget={"fanout": 40})
    await stage.say("add", "note 0")
    for number in range(1, 20):
        await stage.say("revise", f"note {number}", node="s1")
    await stage.finish()
    found = await stage.messages()
    assert [message.number for message in found] == list(range(1, 21))
    seqs = [message.applied_at_event for message in found]
    assert all(seqs)
    assert seqs == sorted(seqs, key=lambda seq: seq or 0)
    assert await stage.nodes() == {"note 19": "done", "note 0": "done"}
    assert len(await stage.agents("note 19")) == 1, "all were taken in one turn"


async def test_a_grant_without_room_for_more_children_says_so(open_harness: Opener) -> None:
    opened, _ = await open_harness(planned("alpha", "beta"))
    stage = await Stage.submit(opened, budget={"fanout": 2})
    await stage.say("add", "gamma too")
    tree = await stage.finish()
    (message,) = await stage.messages()
    (refused,) = await stage.events("message.refused")
    assert tree.task.status == "done"
    assert message.error is not None
    assert (message.error.code, refused.data["code"]) == ("fanout", "fanout")
    assert "2 of the 2 children" in message.error.message


async def test_a_step_that_went_out_of_the_plan_meanwhile_is_named_in_the_refusal(
    open_harness: Opener,
) -> None:
    opened, _ = await open_harness(planned("alpha", "beta"))
    stage = await Stage.submit(opened)
    await stage.say("retract", node="s1")
    await stage.say("revise", "too late", node="s1")
    await stage.finish()
    first, second = await stage.messages()
    assert first.status == "applied"
    assert second.error is not None
    assert second.error.code == "no_such_step"
    assert await stage.nodes() == {"beta": "done"}


async def test_what_cannot_be_said_is_refused_at_once(open_harness: Opener) -> None:
    opened, _ = await open_harness(planned("alpha", "beta"))
    stage = await Stage.submit(opened)
    with pytest.raises(NotFound, match="no step 's9'"):
        await stage.say("retract", node="s9")
    with pytest.raises(ValueError, match="name it in node"):
        await stage.say("revise", "what?")
    with pytest.raises(ValueError, match="say in text"):
        await stage.say("add", " \u200b")
    await stage.say("retract", node="s1")
    await stage.turn("lead")
    with pytest.raises(InvalidInput, match="taken out"):
        await stage.say("revise", "gone", node="s1")
    await stage.finish()
    with pytest.raises(Conflict, match="has ended") as ended:
        await stage.say("ask", "still there?")
    assert ended.value.code == "task_ended"
    assert len(await stage.messages()) == 1


async def test_a_task_that_is_cancelled_refuses_what_it_had_not_done(open_harness: Opener) -> None:
    opened, _ = await open_harness(planned("alpha"))
    stage = await Stage.submit(opened)
    await stage.say("add", "never")
    await opened.platform.tasks.cancel(opened.principal, stage.task)
    (message,) = await stage.messages()
    (refused,) = await stage.events("message.refused")
    (finished,) = await stage.events("task.finished")
    assert (message.status, message.error and message.error.code) == ("refused", "task_ended")
    assert refused.seq < finished.seq, "a follower hears of it"


async def test_the_same_key_sends_one_message(open_harness: Opener) -> None:
    opened, _ = await open_harness(planned("alpha"))
    stage = await Stage.submit(opened)
    send, new = opened.platform.messages.send, NewMessage(kind="add", text="once")
    first = await send(opened.principal, stage.task, new, idempotency_key="k")
    again = await send(opened.principal, stage.task, new, idempotency_key="k")
    assert (first.replayed, again.replayed, again.message.id) == (False, True, first.message.id)
    other = NewMessage(kind="add", text="twice")
    with pytest.raises(Conflict, match="another request"):
        await send(opened.principal, stage.task, other, idempotency_key="k")
    await stage.finish()
    assert len(await stage.messages()) == 1


async def test_another_tenant_neither_says_nor_reads(
    open_harness: Opener, test_database: TestDatabase
) -> None:
    opened, _ = await open_harness(planned("alpha"))
    stage = await Stage.submit(opened)
    await stage.say("add", "ours alone")
    stranger: TenantId = add_tenant(test_database, "stranger")
    theirs, _ = await open_harness(planned("alpha"), tenant=stranger, owner="other")
    messages = theirs.platform.messages
    for node in (None, "s1"):
        new = NewMessage(kind="add", text="let me in", node=node)
        with pytest.raises(NotFound):
            await messages.send(theirs.principal, stage.task, new, idempotency_key=None)
    with pytest.raises(NotFound):
        await messages.list(theirs.principal, stage.task)
    assert len(await stage.messages()) == 1


async def test_a_key_that_may_only_read_steers_nothing(open_harness: Opener) -> None:
    opened, _ = await open_harness(planned("alpha"))
    stage = await Stage.submit(opened)
    reader = opened.principal.__class__(
        tenant=opened.principal.tenant, key=uuid4(), name="reader", scopes=frozenset({"tasks:read"})
    )
    new = NewMessage(kind="ask", text="may I?")
    with pytest.raises(AccessDenied):
        await opened.platform.messages.send(reader, stage.task, new, idempotency_key=None)
    assert await opened.platform.messages.list(reader, stage.task) == []
