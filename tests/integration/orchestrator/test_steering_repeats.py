"""Messages and workers that die: between any two statements, a message takes effect once and in full."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from itertools import count, pairwise
from typing import Any
from uuid import uuid4

import pytest
from psycopg import AsyncConnection

from bench.support.engine import Harness
from bench.support.scripts import says
from core import failpoints
from core.errors import Conflict
from core.ids import AgentId
from inference.model import ModelReply, ModelRequest
from orchestrator.services.views import MessageView, NewMessage
from tests.integration.orchestrator.conftest import Opener
from tests.integration.orchestrator.steered import Stage, planned, unsettled

LAPSED = """
UPDATE agent SET lease_until = now() - interval '1 second' WHERE state = 'running' AND parent_id IS NULL
"""


@pytest.fixture
def broker_url() -> str:
    """One is enough: what a message does does not hang on it."""
    return "memory://"


NEVER = 10_000


class Killed(BaseException):
    """Ends a turn where a process would have ended: nothing below gets to write."""


class Death:
    """Ends whoever comes to the statement it waits at."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._left: int | None = None
        self.struck: str | None = None
        self.reached: list[str] = []
        patch.setattr(failpoints, "is_armed", lambda: True)
        patch.setattr(failpoints, "reach", self._reach)

    def at(self, statement: int) -> None:
        self._left, self.struck, self.reached = statement, None, []

    def choices(self) -> list[int]:
        """Of the statements reached since `at`: the first and the last of each kind."""
        kinds = set(self.reached)
        last = len(self.reached) - 1
        first = {self.reached.index(kind) for kind in kinds}
        return sorted(first | {last - self.reached[::-1].index(kind) for kind in kinds})

    def _reach(self, point: str) -> None:
        if self._left is None:
            return
        self.reached.append(point)
        if self._left == 0:
            self._left, self.struck = None, point
            raise Killed(point)
        self._left -= 1

    @contextmanager
    def spares(self) -> Generator[None]:
        left, self._left = self._left, None
        yield
        self._left = left

    def away(self) -> None:
        self._left = None


@pytest.fixture
def death() -> Iterator[Death]:
    with pytest.MonkeyPatch.context() as patch:
        yield Death(patch)


async def bring_back(opened: Harness, admin: AsyncConnection) -> None:
    """The lead's worker is gone."""
    await admin.execute(LAPSED)
    await opened.room.reaper().round()


async def dying_turn(stage: Stage, title: str, death: Death, statement: int) -> bool:
    """A turn that ends at that statement; whether it got so far."""
    claimed = await stage.claim(title)
    death.at(statement)
    try:
        await stage.opened.room.engine.run(claimed)
    except Killed:
        return True
    finally:
        death.away()
    return False


async def outcome(stage: Stage) -> Any:
    """What must be the same whoever died."""
    tree = await stage.tree()
    return (
        tree.task.status,
        tree.task.answer and tree.task.answer.text,
        await stage.nodes(),
        sorted((agent.title, agent.status) for agent in tree.agents),
        [(message.number, message.status, message.reply) for message in await stage.messages()],
        [event.data["number"] for event in await stage.events("message.applied")],
        [event.data["number"] for event in await stage.events("message.answered")],
        len(await stage.events("agent.cancelled")),
    )


def spoken_to(request: ModelRequest) -> ModelReply:
    if request.kind != "changes":
        return planned("alpha", "beta", "late")(request)
    delta = {"op": "create", "id": "new1", "title": "Delta", "text": "delta", "depends_on": list[str]()}
    return says({"operations": [delta], "needs_clarification": False, "candidates": list[str]()})


async def steered(opened: Harness) -> Stage:
    """One step has ended, one runs, and the lead has five things to hear."""
    stage = await Stage.submit(opened, budget={"tokens": 400_000})
    await stage.turn("alpha")
    await stage.claim("beta")
    await stage.say("add", "gamma", node="s1")
    await stage.say("revise", "beta anew", node="s2")
    await stage.say("ask", "How far are you?")
    await stage.say("retract", node="s3")
    await stage.say("say", "and delta")
    return stage


async def test_a_lead_that_dies_while_it_steers_steers_once(
    open_harness: Opener, admin: AsyncConnection, death: Death
) -> None:
    opened, _ = await open_harness(spoken_to)
    whole = await steered(opened)
    assert not await dying_turn(whole, "lead", death, NEVER)
    statements = death.choices()
    await whole.finish()
    expected = await outcome(whole)
    assert expected[4] == [
        (1, "applied", None),
        (2, "applied", None),
        (3, "applied", "half of it is done"),
        (4, "applied", None),
        (5, "applied", 'Added "Delta".'),
    ]
    struck: set[str | None] = set()
    for statement in statements:
        stage = await steered(opened)
        assert await dying_turn(stage, "lead", death, statement)
        struck.add(death.struck)
        await bring_back(opened, admin)
        if (await stage.agents("lead"))[0].status == "ready":
            await stage.turn("lead")
        await stage.finish()
        assert await outcome(stage) == expected, f"died at {death.struck}"
        assert await unsettled(admin, stage.task) == 0
    assert struck >= {"message_calls.news", "message_calls.stop", "message_calls.apply", "commit"}


async def test_a_lead_that_dies_while_it_ends_hears_once(
    open_harness: Opener, admin: AsyncConnection, death: Death
) -> None:
    """The message comes while the answer is made; the lead dies at any statement from there on."""
    opened, provider = await open_harness(planned("alpha"))
    said: list[Stage] = []
    complete = provider.complete

    async def saying(request: ModelRequest, **more: Any) -> Any:
        if request.kind == "answer" and said:
            with death.spares():
                await said.pop().say("add", "one more thing")
        return await complete(request, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provider, "complete", saying)
        for statement in count():
            stage = await Stage.submit(opened)
            await stage.turn("alpha")
            said[:] = [stage]
            claimed = await stage.claim("lead")
            began = len(provider.requests)
            death.at(statement)
            try:
                await opened.room.engine.run(claimed)
            except Killed:
                await bring_back(opened, admin)
            death.away()
            await stage.finish()
            assert (await stage.tree()).task.status == "done", f"died at {death.struck}"
            if not said:
                assert await stage.nodes() == {"alpha": "done", "one more thing": "done"}
                assert [event.data["number"] for event in await stage.events("message.applied")] == [1]
                acts = [request.kind for request in provider.requests[began:]].count("act")
                assert acts == 1, f"died at {death.struck}"
            if death.struck is None:
                break


async def test_a_message_is_kept_whole_or_not_at_all(open_harness: Opener, death: Death) -> None:
    opened, _ = await open_harness(planned("alpha"))
    new, send = NewMessage(kind="add", text="once"), opened.platform.messages.send
    for statement in count():
        stage = await Stage.submit(opened)
        key = uuid4().hex
        death.at(statement)
        try:
            await send(opened.principal, stage.task, new, idempotency_key=key)
        except Killed:
            death.away()
            await send(opened.principal, stage.task, new, idempotency_key=key)
        death.away()
        await stage.finish()
        (message,) = await stage.messages()
        assert message.status == "applied", f"died at {death.struck}"
        assert await stage.nodes() == {"alpha": "done", "once": "done"}
        if death.struck is None:
            break


async def test_a_repeated_turn_sees_the_children_its_first_run_saw(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    """Else the question to the model would differ from the one in the journal."""
    opened, provider = await open_harness(planned("alpha", "beta"))
    stage = await Stage.submit(opened)
    await stage.turn("alpha")
    await stage.say("ask", "How far are you?")
    await opened.room.engine.invoke(await stage.claim("lead"))
    await stage.turn("beta")
    await bring_back(opened, admin)
    tree = await stage.finish()
    assert tree.task.error is None
    assert tree.task.status == "done"
    assert [request.kind for request in provider.requests].count("reply") == 1


async def test_a_repeated_turn_sees_the_plan_its_first_run_saw(
    open_harness: Opener, admin: AsyncConnection
) -> None:
    """The first run had an answer, heard of a step more and put it into the plan; then its worker died."""
    opened, provider = await open_harness(planned("alpha"))
    stage = await Stage.submit(opened)
    await stage.turn("alpha")
    complete, late = provider.complete, ["gamma"]

    async def saying(request: ModelRequest, **more: Any) -> Any:
        if request.kind == "answer" and late:
            await stage.say("add", late.pop())
        return await complete(request, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provider, "complete", saying)
        outcome, _ = await opened.room.engine.invoke(await stage.claim("lead"))
    assert (outcome.state, await stage.nodes()) == ("waiting", {"alpha": "done", "gamma": "pending"})
    await bring_back(opened, admin)
    tree = await stage.finish()
    assert tree.task.status == "done"
    assert [request.kind for request in provider.requests] == ["plan", "act", "answer", "act", "answer"]


async def test_prompts_of_a_steered_lead_only_grow(open_harness: Opener) -> None:
    opened, provider = await open_harness(planned("alpha"))
    stage = await Stage.submit(opened)
    await stage.say("ask", "How far are you?")
    await stage.turn("lead")
    await stage.say("add", "gamma")
    await stage.turn("alpha")
    await stage.finish()
    asked = [request.messages for request in provider.requests if request.kind in {"plan", "reply", "answer"}]
    assert len(asked) == 3
    for earlier, later in pairwise(asked):
        assert later[: len(earlier)] == earlier


async def test_a_message_for_a_task_that_ends_at_that_moment_is_refused_or_heard(
    open_harness: Opener,
) -> None:
    opened, _ = await open_harness(planned("alpha"))
    heard = 0
    for turns in range(12):
        stage = await Stage.submit(opened)
        await stage.turn("alpha")
        claimed = await stage.claim("lead")
        found = await _at_once(opened, stage, claimed.lease.agent, claimed, turns)
        tree = await stage.finish()
        assert tree.task.status == "done"
        messages = await stage.messages()
        assert [message.status for message in messages] == ["applied"] * found
        heard += found
    assert 0 <= heard <= 12


async def _at_once(opened: Harness, stage: Stage, agent: AgentId, claimed: Any, turns: int) -> int:
    """The last turn of the root and a message, so many steps of the loop apart; how many were accepted."""

    async def late() -> MessageView | None:
        for _ in range(8 * turns):
            await asyncio.sleep(0)
        try:
            return await stage.say("add", "late")
        except Conflict:
            return None

    _, message = await asyncio.gather(opened.room.engine.run(claimed), late())
    return int(message is not None)
